package iam_test

import (
	"net/url"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// L11: one person, one account, one trail: what somebody did is found under their id and the address of that
// time, by whomever, and when they leave nothing goes on in their name.
func TestLeaver(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		o := w.inviting(lanit.System())
		mail := iam.Email(address("ann"))
		ann := o.create(iam.CreateAccountParams{Email: string(mail), Roles: []policy.Role{lanit.Admin}, Active: true}).ID
		acts := o.as(ann)
		made, _, err := acts.CreateAccount(w.Context(), iam.CreateAccountParams{Email: address("bob"), Roles: []policy.Role{lanit.Member}})
		w.ok(err)
		invited, _, err := acts.Invite(w.Context(), iam.InviteParams{Email: address("carl"), Roles: []policy.Role{lanit.Member}})
		w.ok(err)
		link := must(acts.InvitationLink(w.Context(), invited.Account))(w)
		token := tokenIn(w, link)
		must(o.svc.LookInvitation(w.Context(), token))(w)

		// She leaves: at once, in one call.
		w.ok(o.root().Delete(w.Context(), ann))
		w.refused(second(o.svc.Subject(w.Context(), ann)), iam.ErrNotFound)
		w.refused(second(acts.UpdateProfile(w.Context(), made.ID, iam.Profile{})), iam.ErrForbidden)
		w.refused(second(o.svc.LookInvitation(w.Context(), token)), iam.ErrToken) // SB-18
		w.refused(second(o.svc.AcceptInvitation(w.Context(), token, iam.AcceptParams{})), iam.ErrToken)

		// Her trail stays, under the address that she had; another person with it has another id.
		again := o.create(iam.CreateAccountParams{Email: string(mail), Roles: []policy.Role{lanit.Member}, Active: true}).ID
		trail := must(o.root().Events(w.Context(), iam.EventQuery{Actor: ann, Outcomes: []iam.Outcome{iam.Done}}))(w)
		equal(w, "events in her trail", len(trail), 4) // created, created, invited, linked
		for _, e := range trail {
			equal(w, "whose", e.Email, mail)
			equal(w, "as what", e.Role, string(lanit.Admin))
		}
		equal(w, "events of who came after", len(must(o.root().Events(w.Context(), iam.EventQuery{Actor: again}))(w)), 0)
	})
}

// tokenIn is the token of a link.
func tokenIn(w *world, link iam.Secret) iam.Token {
	w.Helper()
	return iam.ParseToken(must(url.Parse(link.Reveal()))(w).Query().Get("token"))
}
