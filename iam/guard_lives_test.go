package iam_test

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// notByRoot are methods that the root account of EMQX has no use for: it accepts nothing from itself, it manages
// everything without taking it, and no row of the policy is about mail servers. TestRootTransfer and TestSettings have their events.
var notByRoot = map[string]bool{
	"AcceptRoot": true, "TakeManagement": true, "MailServer": true, "SetMailServer": true, "RemoveMailServer": true, "TestMailServer": true,
}

// prepareLife makes what the methods about an account's life and an organisation's settings need.
func (g guarded) prepareLife(o *org, method string, x *target) {
	o.Helper()
	switch method {
	case "CancelEmailChange":
		o.waitsForEmail(x.account)
	case "OfferRoot":
		x.account = o.member(g.least).ID
	case "RootOffer", "WithdrawRootOffer", "AcceptRoot":
		// Past the rules, for not every system hands root over.
		offer := iam.RootOffer{From: o.rootID, To: x.account, Created: o.clock.now(), Expires: o.clock.now().Add(time.Hour)}
		o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutRootOffer(o.Context(), offer) }))
	case "HandOver":
		x.to = o.account(g.least)
	case "MailServer", "RemoveMailServer", "TestMailServer":
		server := iam.MailServer{Host: "mail.example", Port: 25, Security: "plain", From: address("from"), Updated: o.clock.now()}
		o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutMailServer(o.Context(), server) }))
	}
}

// waitsForEmail lets a change of address wait for the account.
func (o *org) waitsForEmail(id policy.AccountID) {
	o.Helper()
	change := iam.EmailChange{
		Account: id, Email: iam.Email(address("next")), Created: o.clock.now(), Expires: o.clock.now().Add(time.Hour),
	}
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error { return tx.PutEmailChange(o.Context(), change) }))
}
