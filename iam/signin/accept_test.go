package signin_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func TestAccept(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.step("SB-12: a token for one purpose is none for another", tokensAreForOnePurpose)
		w.step("SB-12: a token is of one organisation, account and address", tokensAreBound)
		w.step("SB-16: looking uses nothing up", lookingChangesNothing)
		w.step("SB-17: who is signed in does not matter", acceptWhileSignedIn)
		w.step("SB-18, SB-19: who invited must be able to, when it is accepted", inviterIsAskedAgain)
		w.step("SB-18: a role that is no more is not given", roleIsGone)
		w.step("SB-23: a token of other case is none", tokenCase)
		w.step("SB-A1: nothing is found by nothing", emptyTokens)
	})
}

// endpoints are all methods that take a token, by name.
func (o *org) endpoints() map[string]func(token iam.Token) error {
	ctx := o.ctx()
	password := goodPassword()
	return map[string]func(token iam.Token) error{
		"LookInvitation": func(t iam.Token) error { return second(o.svc.LookInvitation(ctx, t)) },
		"Accept": func(t iam.Token) error {
			return second(o.in.Accept(ctx, t, signin.AcceptParams{Password: password}))
		},
		"LookReset":       func(t iam.Token) error { return second(o.in.LookReset(ctx, t)) },
		"ResetPassword":   func(t iam.Token) error { return second(o.in.ResetPassword(ctx, t, password)) },
		"LookEmailChange": func(t iam.Token) error { return second(o.svc.LookEmailChange(ctx, t)) },
		"ConfirmEmail":    func(t iam.Token) error { return second2(o.svc.ConfirmEmail(ctx, t)) },

		"Session":      func(t iam.Token) error { return second2(o.in.Session(ctx, t)) },
		"Sessions":     func(t iam.Token) error { return second(o.in.Sessions(ctx, t)) },
		"SecondFactor": func(t iam.Token) error { return second(o.in.SecondFactor(ctx, t, "123456")) },
		"RecoveryCode": func(t iam.Token) error { return second(o.in.RecoveryCode(ctx, t, "0123-4567-89AB-CDEF")) },
		"Confirm":      func(t iam.Token) error { return second(o.in.Confirm(ctx, t, password)) },
		"ChangePassword": func(t iam.Token) error {
			return second(o.in.ChangePassword(ctx, t, password, goodPassword()))
		},
		"ChooseNewPassword":   func(t iam.Token) error { return second(o.in.ChooseNewPassword(ctx, t, password)) },
		"Enroll":              func(t iam.Token) error { return second(o.in.Enroll(ctx, t)) },
		"ConfirmEnrollment":   func(t iam.Token) error { return second(o.in.ConfirmEnrollment(ctx, t, "123456")) },
		"ReplaceSecondFactor": func(t iam.Token) error { return second(o.in.ReplaceSecondFactor(ctx, t, "123456")) },
		"RemoveSecondFactor":  func(t iam.Token) error { return second(o.in.RemoveSecondFactor(ctx, t, "123456")) },
		"NewRecoveryCodes":    func(t iam.Token) error { return second(o.in.NewRecoveryCodes(ctx, t, "123456")) },
		"HasSecondFactor":     func(t iam.Token) error { return second2(o.in.HasSecondFactor(ctx, t)) },
		"ChangeEmail":         func(t iam.Token) error { return second(o.in.ChangeEmail(ctx, t, address("next"))) },
		"EndSession":          func(t iam.Token) error { return o.in.EndSession(ctx, t, "any") },
		"EndOtherSessions":    func(t iam.Token) error { return second(o.in.EndOtherSessions(ctx, t)) },
	}
}

// forLinks are the endpoints of links; all others are of sessions.
var forLinks = []string{"LookInvitation", "Accept", "LookReset", "ResetPassword", "LookEmailChange", "ConfirmEmail"}

// refusedBy wants that the endpoints know no such token, and write nothing.
func (o *org) refusedBy(token iam.Token, names ...string) {
	o.Helper()
	o.unchanged(func() {
		for _, name := range names {
			want := signin.ErrSession
			if slices.Contains(forLinks, name) {
				want = iam.ErrToken
			}
			if err := o.endpoints()[name](token); !errors.Is(err, want) {
				o.Errorf("%s: got the error %v, want %v", name, err, want)
			}
		}
	})
}

func tokensAreForOnePurpose(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	session := p.signIn().Token
	reset := p.resetLink()
	must(o.in.ChangeEmail(o.ctx(), session, address("next")))(w)
	mails := o.allLinked()
	equal(w, "links of a change of address", len(mails), 2)
	q := o.account()
	q.enroll()
	half := q.begin().Token
	for _, have := range []struct {
		what  string
		token iam.Token
		good  []string
	}{
		{"an invitation's", o.root.invite(address("mia")).token, []string{"LookInvitation", "Accept"}},
		{"a reset's", reset, []string{"LookReset", "ResetPassword"}},
		{"one to the old address", mails[0], []string{"LookEmailChange", "ConfirmEmail"}},
		{"one to the new address", mails[1], []string{"LookEmailChange", "ConfirmEmail"}},
		{"a half session's", half, []string{"SecondFactor", "RecoveryCode"}},
		{"a session's", session, nil}, // good at all the others, but those for another stage,
	} {
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(o.endpoints())), func(name string) bool { return slices.Contains(have.good, name) })
		if have.good == nil {
			others = append(forLinks[:len(forLinks):len(forLinks)], "SecondFactor", "RecoveryCode", "ChooseNewPassword")
		}
		o.refusedBy(have.token, others...)
	}
	// What every endpoint refused is good at its own.
	must(o.in.LookReset(o.ctx(), reset))(w)
	must(o.svc.LookEmailChange(o.ctx(), mails[1]))(w)
	must(o.in.SecondFactor(o.ctx(), half, q.code()))(w)
}

func tokensAreBound(w *world) {
	o := w.organization(emqx.System())
	guest, victim := o.root.invite(address("ned")), o.sibling().root.invite(address("victim"))
	insert := func(change func(r *iam.TokenRecord)) iam.Token {
		token := must(iam.NewToken(o.svc.Rand()))(w)
		record := must(o.st.Token(o.Context(), guest.token.Hash()))(w)
		record.Hash = token.Hash()
		change(&record)
		w.ok(o.st.Write(o.Context(), record.Org, func(tx iam.Tx) error { return tx.InsertToken(o.Context(), record) }))
		return token
	}
	other := insert(func(r *iam.TokenRecord) { r.Email = iam.Email(address("other")) })
	o.refusedBy(other, "LookInvitation", "Accept") // mailed to another address than the account's
	reset := insert(func(r *iam.TokenRecord) { r.Purpose = iam.ForReset })
	o.refusedBy(reset, "LookReset", "ResetPassword") // SB-21: of an account that is not active
	w.refused(o.st.Write(o.Context(), o.id, func(tx iam.Tx) error {
		record := must(o.st.Token(o.Context(), guest.token.Hash()))(w)
		record.Account, record.Hash = victim.id, iam.TokenHash(strings.Repeat("0", 64))
		return tx.InsertToken(o.Context(), record)
	}), iam.ErrNotFound) // of an account of another organisation: not even the store takes it
	w.ok(guest.accept())
	equal(w, "the other organisation's guest", victim.status(), iam.Pending)
	w.ok(victim.accept())
}

func lookingChangesNothing(w *world) {
	o := w.organization(devicehub.System())
	guest := o.root.invite(address("ole"))
	p := o.account()
	reset := p.resetLink()
	w.unchanged(func() {
		for range 100 {
			must(o.svc.LookInvitation(o.ctx(), guest.token))(w)
			must(o.in.LookReset(o.ctx(), reset))(w)
		}
	})
	w.ok(guest.accept())
	must(o.in.ResetPassword(o.ctx(), reset, goodPassword()))(w)
}

func acceptWhileSignedIn(w *world) {
	o := w.organization(lanit.System())
	host := o.root.signIn()
	guest := o.root.invite(address("pia"))
	account := must(o.in.Accept(o.ctx(), guest.token, signin.AcceptParams{Password: guest.good()}))(w)
	equal(w, "the address", string(account.Email), guest.email)
	equal(w, "the account", account.ID, guest.id)
	sub, _, err := o.in.Session(o.ctx(), host.Token)
	w.ok(err)
	equal(w, "whose session it still is", sub.ID(), o.root.id)
	for _, e := range guest.about(iam.InvitationAccepted) {
		equal(w, "who accepted", e.Actor, guest.id)
	}
}

func inviterIsAskedAgain(w *world) {
	for name, spoil := range map[string]func(o *org, inviter *person){
		"demoted": func(o *org, inviter *person) {
			o.ok(second2(o.root.actor().SetRoles(o.ctx(), inviter.id, emqx.Auditor)))
		},
		"disabled": func(o *org, inviter *person) { o.ok(second(o.root.actor().Disable(o.ctx(), inviter.id))) },
		"deleted":  func(o *org, inviter *person) { o.ok(o.root.actor().Delete(o.ctx(), inviter.id)) },
	} {
		o := w.organization(emqx.System())
		inviter := o.account(emqx.Administrator)
		guest := inviter.invite(address("quin"), emqx.Administrator)
		must(o.svc.LookInvitation(o.ctx(), guest.token))(w)
		spoil(o, inviter)
		w.unchanged(func() {
			w.refused(second(o.svc.LookInvitation(o.ctx(), guest.token)), iam.ErrToken)
			w.refused(guest.accept(), iam.ErrToken)
		})
		equal(w, "the guest of who was "+name, guest.status(), iam.Pending)
		if name == "disabled" { // and lives again with its inviter
			w.ok(second(o.root.actor().Enable(o.ctx(), inviter.id)))
			w.ok(guest.accept())
		}
	}
	// Demoted by one step: what is still below may come, what no longer is may not.
	o := w.organization(devicehub.System())
	inviter := o.account(devicehub.SuperAdmin)
	admin, basic := inviter.invite(address("rae"), devicehub.Admin), inviter.invite(address("sam"), devicehub.Basic)
	w.ok(second2(o.root.actor().SetRoles(o.ctx(), inviter.id, devicehub.Admin)))
	w.refused(admin.accept(), iam.ErrToken)
	w.ok(basic.accept())
}

func roleIsGone(w *world) {
	o := w.organization(emqx.System())
	var rows strings.Builder
	for line := range strings.Lines(castellan.PolicyCSV()) {
		if !strings.Contains(line, "accountant") {
			rows.WriteString(line)
		}
	}
	guest := o.root.invite(address("tea"), emqx.Accountant)
	// Nor by the system, which may give everything that there is.
	params := iam.InviteParams{Email: address("una"), Roles: []policy.Role{emqx.Accountant}}
	w.ok(second2(o.in.Invite(o.ctx(), o.system(), params, goodPassword())))
	bySystem := o.linked()
	without, err := policy.Load("policy.csv", []byte(rows.String()), policy.Config{Conditions: emqx.Conditions()})
	w.ok(err)
	before := o.svc.Policy()
	w.ok(o.svc.SetPolicy(without))
	w.unchanged(func() {
		w.refused(second(o.svc.LookInvitation(o.ctx(), guest.token)), iam.ErrToken)
		w.refused(guest.accept(), iam.ErrToken)
		w.refused(second(o.in.Accept(o.ctx(), bySystem, signin.AcceptParams{})), iam.ErrToken)
	})
	w.ok(o.svc.SetPolicy(before))
	w.ok(guest.accept())
	w.ok(second(o.in.Accept(o.ctx(), bySystem, signin.AcceptParams{})))
}

func tokenCase(w *world) {
	o := w.organization(lanit.System())
	guest := o.root.invite(address("uli"))
	p := o.account()
	session, reset := p.signIn().Token, p.resetLink()
	for name, token := range map[string]iam.Token{"Accept": guest.token, "ResetPassword": reset, "Session": session} {
		flipped := iam.Token{Secret: iam.NewSecret(strings.Map(flipCase, token.Reveal()))}
		o.refusedBy(flipped, name)
	}
	// Nor is a hash found by its letters' other case, whatever the database thinks of letters.
	for _, hash := range []iam.TokenHash{guest.token.Hash(), reset.Hash()} {
		upper := iam.TokenHash(strings.ToUpper(string(hash)))
		w.refused(second(o.st.Token(o.Context(), upper)), iam.ErrNotFound)
	}
	w.refused(second(o.st.Session(o.Context(), iam.TokenHash(strings.ToUpper(string(session.Hash()))))), iam.ErrNotFound)
	w.ok(guest.accept())
}

func flipCase(r rune) rune {
	if unicode.IsUpper(r) {
		return unicode.ToLower(r)
	}
	return unicode.ToUpper(r)
}

func emptyTokens(w *world) {
	o := w.organization(emqx.System())
	o.root.invite(address("viv")) // so that there are rows to be found
	o.account().signIn()
	for _, token := range []iam.Token{{}, iam.ParseToken(""), iam.ParseToken("x"), {Secret: iam.NewSecret("")}, {Secret: iam.NewSecret("%")}} {
		o.refusedBy(token, slices.Sorted(maps.Keys(o.endpoints()))...)
		w.unchanged(func() { w.ok(o.in.SignOut(o.ctx(), token)) })
	}
	actor := o.root.actor()
	w.unchanged(func() {
		w.refused(second(actor.ResendInvitation(o.ctx(), "")), iam.ErrNotFound)
		w.refused(second(actor.InvitationLink(o.ctx(), "")), iam.ErrNotFound)
		w.refused(actor.RevokeInvitation(o.ctx(), ""), iam.ErrNotFound)
		w.refused(o.in.SendReset(o.ctx(), actor, ""), iam.ErrNotFound)
		w.refused(o.in.SetPassword(o.ctx(), actor, "", goodPassword()), iam.ErrNotFound)
		w.refused(o.in.ResetSecondFactor(o.ctx(), actor, ""), iam.ErrNotFound)
		w.refused(o.in.Unlock(o.ctx(), actor, ""), iam.ErrNotFound)
		w.refused(o.in.RequestReset(o.ctx(), signin.ResetParams{Org: o.id}), iam.ErrInvalid)
	})
}
