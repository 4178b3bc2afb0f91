package main

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

// may prints what somebody may do with a device. Its holder is what the library knows; everything else about it
// is the host's.
func (s *story) may(name, device string) error {
	holder, err := s.svc.Holder(s.ctx, acme, devicehub.Device, device)
	if err != nil {
		return err
	}
	sub, err := s.svc.Subject(s.ctx, s.ids[name])
	if err != nil {
		return err
	}
	var actions []policy.Action
	for _, p := range s.svc.Permissions(sub, devicehub.Device.Of(acme).Named(device).OwnedBy(holder)) {
		if p.Kind() == devicehub.Device {
			actions = append(actions, p.Action())
		}
	}
	s.say("%s, with the %s: %v", name, device, actions)
	return nil
}

// D2: a Basic user may do nothing but what was granted, task by task, also for a while.
func (s *story) tasks() error {
	rita, err := s.as("Rita")
	if err != nil {
		return err
	}
	if err := s.may("Ben", "gateway"); err != nil {
		return err
	}
	everywhere := policy.GrantPermission(devicehub.DeviceReboot, policy.AtOrg(acme))
	if _, err := rita.GiveGrant(s.ctx, s.ids["Ben"], everywhere.Until(s.now.Add(8*time.Hour))); err != nil {
		return err
	}
	return s.may("Ben", "gateway")
}

// D5, D8: who adds a device holds it, as far as the quota goes.
func (s *story) claim() error {
	ann, abe, err := s.both("Ann", "Abe")
	if err != nil {
		return err
	}
	for _, device := range []string{"gateway", "sensor", "camera", "meter"} {
		if _, err := ann.Claim(s.ctx, devicehub.Device, device); err != nil {
			return err
		}
	}
	quota, err := s.quota(ann, s.ids["Ann"])
	if err != nil {
		return err
	}
	s.say("Ann manages %d of %d, and Ben may have %d of his own", quota.Held, quota.Most, quota.Given)
	_, err = ann.Claim(s.ctx, devicehub.Device, "router")
	if err := s.refused("Ann claims a fifth", err); err != nil {
		return err
	}
	_, err = abe.Claim(s.ctx, devicehub.Device, "sensor")
	return s.refused("Abe claims one that is Ann's", err)
}

// D8: "My Device": the holder shares a device with a sub-account: chosen permissions, and an end. What was received
// is not shared on.
func (s *story) share() error {
	ann, ben, err := s.both("Ann", "Ben")
	if err != nil {
		return err
	}
	week := s.now.AddDate(0, 0, 7)
	shared, err := ann.Share(s.ctx, devicehub.Device, "gateway", iam.ShareParams{
		To: s.ids["Ben"], Permissions: []policy.Permission{devicehub.DeviceView, devicehub.DeviceConfigure}, Until: week,
	})
	if err != nil {
		return err
	}
	for _, g := range shared {
		s.say("%s until %s", g.Grant.Permission, g.Grant.Expires.Format(time.DateOnly))
	}
	if err := s.may("Ben", "gateway"); err != nil {
		return err
	}
	if err := s.may("Ben", "sensor"); err != nil {
		return err
	}
	_, err = ben.Share(s.ctx, devicehub.Device, "gateway", iam.ShareParams{
		To: s.ids["Abe"], Permissions: []policy.Permission{devicehub.DeviceView},
	})
	if err := s.refused("Ben shares it on", err); err != nil {
		return err
	}
	_, err = ann.Share(s.ctx, devicehub.Device, "gateway", iam.ShareParams{
		To: s.ids["Ben"], Permissions: []policy.Permission{devicehub.DeviceTransfer},
	})
	if err := s.refused("Ann shares the right to transfer it", err); err != nil {
		return err
	}
	s.now = week
	s.say("a week later")
	return s.may("Ben", "gateway")
}

// D9: "User Device": who stands above a holder can add the permission to manage to their own, and the holder cannot
// take it back.
func (s *story) takeManagement() error {
	sam, abe, err := s.both("Sam", "Abe")
	if err != nil {
		return err
	}
	held, err := sam.Holdings(s.ctx, iam.HoldingQuery{Account: s.ids["Ann"]})
	if err != nil {
		return err
	}
	for _, h := range held {
		s.say("Ann holds the %s", h.ID)
	}
	if err := s.may("Sam", "camera"); err != nil {
		return err
	}
	_, err = abe.TakeManagement(s.ctx, devicehub.Device, "camera")
	if err := s.refused("Abe, who does not stand above Ann, takes management", err); err != nil {
		return err
	}
	taken, err := sam.TakeManagement(s.ctx, devicehub.Device, "camera")
	if err != nil {
		return err
	}
	if err := s.may("Sam", "camera"); err != nil {
		return err
	}
	ann, err := s.as("Ann")
	if err != nil {
		return err
	}
	return s.refused("Ann takes it away from Sam", ann.Unshare(s.ctx, devicehub.Device, "camera", taken[0].ID))
}

// D9: a transfer counts against the quota of who receives the device, and ends the shares of it.
func (s *story) transfer() error {
	sam, err := s.as("Sam")
	if err != nil {
		return err
	}
	if _, err := sam.Transfer(s.ctx, devicehub.Device, "camera", s.ids["Abe"]); err != nil {
		return err
	}
	for _, name := range []string{"Ann", "Abe", "Sam"} {
		if err := s.may(name, "camera"); err != nil {
			return err
		}
	}
	for _, device := range []string{"sensor", "meter"} {
		if _, err := sam.Transfer(s.ctx, devicehub.Device, device, s.ids["Ben"]); err != nil {
			return err
		}
	}
	_, err = sam.Transfer(s.ctx, devicehub.Device, "gateway", s.ids["Ben"])
	if err := s.refused("Sam transfers a third device to Ben", err); err != nil {
		return err
	}
	return s.quotas()
}

// D7: an account that holds devices is not deleted. They are handed over in the same transaction, and the accounts that
// it has created move up to its own creator.
func (s *story) leave() error {
	sam, err := s.as("Sam")
	if err != nil {
		return err
	}
	ann := s.ids["Ann"]
	if err := s.refused("Sam deletes Ann", sam.Delete(s.ctx, ann)); err != nil {
		return err
	}
	moved, err := sam.HandOver(s.ctx, iam.HandOverParams{From: ann, To: s.ids["Abe"], Then: iam.ThenDelete})
	if err != nil {
		return err
	}
	for _, h := range moved.Holdings {
		s.say("Abe holds the %s", h.ID)
	}
	ben, err := sam.Account(s.ctx, s.ids["Ben"])
	if err != nil {
		return err
	}
	s.say("Ann is deleted; Ben stands below %s", s.named(string(ben.CreatedBy)))
	_, err = sam.Account(s.ctx, ann)
	return s.refused("Sam looks for her", err)
}
