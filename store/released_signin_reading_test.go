package store_test

import (
	"errors"
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// events reads the log without what its hashes prove anyway.
func (a *author) events(sees iam.Actor) []map[string]any {
	a.Helper()
	events, err := sees.Events(a.ctx(), iam.EventQuery{Ascending: true, Limit: 1000})
	a.ok(err)
	var lines []map[string]any
	for _, e := range events {
		lines = append(lines, map[string]any{
			"at": fmt.Sprint(e.Revision, ".", e.Ordinal), "time": e.Time, "type": e.Type, "outcome": e.Outcome,
			"actor": e.Actor, "reason": e.Reason, "target": e.Target, "changes": e.Changes,
		})
	}
	return lines
}

// readSignIn reads what version 2 brought.
func (a *author) readSignIn(org policy.OrgID, accounts []iam.Account, read map[string]any) {
	a.Helper()
	sees := a.bypass(org)
	var err error
	if read["invitations"], err = sees.Invitations(a.ctx(), iam.InvitationQuery{}); err != nil {
		a.Fatal(err)
	}
	if read["mails"], err = sees.Mails(a.ctx(), iam.MailQuery{}); err != nil {
		a.Fatal(err)
	}
	server, password, err := a.svc(org).MailServer(a.ctx(), org)
	if err == nil {
		read["mail server"] = map[string]any{"server": server, "password": password.Reveal()}
	} else if !errors.Is(err, iam.ErrNotFound) {
		a.Fatal(err)
	}
	report, err := sees.VerifyEvents(a.ctx(), iam.Checkpoint{})
	a.ok(err)
	read["log"] = report
	sessions, offers, credentials := make(map[string]any), make(map[string]any), make(map[string]any)
	for _, account := range accounts {
		id := string(account.ID)
		if sessions[id], err = a.in(org).SessionsOf(a.ctx(), sees, account.ID); err != nil {
			a.Fatal(err)
		}
		if credentials[id], err = a.st.Credential(a.ctx(), org, account.ID); err != nil {
			a.Fatal(err)
		}
		if account.Status != iam.Active {
			continue // whose question would be refused, and on record
		}
		sub, err := a.svc(org).Subject(a.ctx(), account.ID)
		a.ok(err)
		if offer, err := a.svc(org).As(sub).RootOffer(a.ctx()); err == nil {
			offers[id] = offer
		}
	}
	read["sessions"], read["offers"], read["credentials"] = sessions, offers, credentials
}
