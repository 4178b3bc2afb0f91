package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

// quota is how many devices an account may have, and has.
func (s *story) quota(actor iam.Actor, account policy.AccountID) (iam.Quota, error) {
	all, err := actor.Quotas(s.ctx, account)
	if err != nil {
		return iam.Quota{}, err
	}
	return all[0], nil // DeviceHub has quotas of one kind
}

// D5: what an account holds itself and has given to its sub-accounts never exceeds its own maximum.
func (s *story) quotas() error {
	rita, err := s.as("Rita")
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  \tManaging / Max Manageable\tgiven\tleft")
	for _, name := range []string{"Rita", "Sam", "Ann", "Abe", "Ben"} {
		quota, err := s.quota(rita, s.ids[name])
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "  %s\t%d / %d\t%d\t%d\n", name, quota.Held, quota.Most, quota.Given, quota.Left())
	}
	return table.Flush()
}

// D5, D7: nobody gives more than they have left, and nobody is left with less than they use.
func (s *story) refusedQuotas() error {
	sam, ann, err := s.both("Sam", "Ann")
	if err != nil {
		return err
	}
	_, _, err = ann.CreateAccount(s.ctx, iam.CreateAccountParams{
		Email: email("Nick"), Roles: []policy.Role{devicehub.Basic}, Quotas: map[policy.Kind]int{devicehub.Device: 4},
	})
	if err := s.refused("Ann creates a user with four devices", err); err != nil {
		return err
	}
	_, err = sam.SetQuota(s.ctx, s.ids["Ann"], devicehub.Device, 9)
	if err := s.refused("Sam gives Ann nine", err); err != nil {
		return err
	}
	_, err = sam.SetQuota(s.ctx, s.ids["Ann"], devicehub.Device, 1)
	if err := s.refused("Sam leaves Ann one", err); err != nil {
		return err
	}
	_, err = ann.SetQuota(s.ctx, s.ids["Abe"], devicehub.Device, 1)
	return s.refused("Ann changes the quota of Abe, whom Sam has created", err)
}

// D7: a quota can be changed at any time, by who stands above the account.
func (s *story) changeQuota() error {
	sam, err := s.as("Sam")
	if err != nil {
		return err
	}
	quota, err := sam.SetQuota(s.ctx, s.ids["Ann"], devicehub.Device, 6)
	if err != nil {
		return err
	}
	s.say("Ann may manage %d now, and has %d left", quota.Most, quota.Left())
	return nil
}
