package iam_test

import (
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func raceAddress(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		email := address("ann")
		var all []func() error
		for i := range 6 {
			spelled := email
			if i%2 == 1 {
				spelled = strings.ToUpper(email)
			}
			all = append(all, func() error {
				_, _, err := root.CreateAccount(o.Context(), iam.CreateAccountParams{Email: spelled, Roles: []policy.Role{emqx.Auditor}})
				return err
			})
		}
		equal(w, "accounts made", w.expected(atOnce(all...), iam.ErrExists), 1)
		equal(w, "accounts found", len(must(root.Accounts(o.Context(), iam.AccountQuery{Keyword: email}))(w)), 1)
	})
}

func raceAddressEverywhere(w *world) {
	o := w.organization(lanit.System())
	orgs := []*org{o, o.sibling(), o.sibling(), o.sibling()}
	roots := make([]iam.Actor, len(orgs))
	for i := range orgs {
		roots[i] = orgs[i].root()
	}
	w.rounds(func() {
		email := address("ann")
		var all []func() error
		for i, root := range roots {
			spelled := strings.Replace(email, "ann", []string{"ann", "Ann", "aNN", "ANN"}[i], 1)
			all = append(all, func() error {
				_, _, err := root.CreateAccount(o.Context(), iam.CreateAccountParams{Email: spelled, Roles: []policy.Role{lanit.Member}})
				return err
			})
		}
		equal(w, "accounts made", w.expected(atOnce(all...), iam.ErrExists), 1)
		found := 0
		for _, root := range roots {
			found += len(must(root.Accounts(o.Context(), iam.AccountQuery{Keyword: email}))(w))
		}
		equal(w, "accounts found", found, 1)
	})
}
