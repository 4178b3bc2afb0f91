package signin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

func isError(err, target error) bool { return errors.Is(err, target) }

func TestReset(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		for _, system := range threeSystems() {
			w.step("SB-13, SB-14: a link of "+system.Name+" is good once, to the millisecond", func(w *world) { resetOnce(w, system) })
		}
		w.step("SB-21: a reset skips no second factor, and enables nobody", resetSkipsNothing)
		w.step("SB-20: what changes the account kills the link", resetLinksDie)
		w.step("SB-34: a reset ends the lock", resetUnlocks)
		w.step("SB-15: resets are asked for so often", resetThrottled)
		w.step("SB-10, SB-62: those above send a link, and nobody else", sendReset)
		w.step("SB-24: whoever it is, the answer is the same, and a mail goes to active accounts alone", resetOfWhomever)
	})
}

func resetOnce(w *world, system iam.System) {
	o := w.organization(system)
	p := o.account()
	session, early := p.signIn(), p.resetLink()
	equal(w, "whose it is", must(o.in.LookReset(o.ctx(), early))(w).ID, p.id)
	w.fieldError(second(o.in.ResetPassword(o.ctx(), early, iam.NewSecret("short"))), "Password", "of at least")
	o.clock.advance(time.Hour - time.Millisecond)
	late := p.resetLink()
	old := p.password
	p.password = goodPassword()
	opened := must(o.in.ResetPassword(o.ctx(), early, p.password))(w)
	equal(w, "the stage", opened.Session.Stage, iam.Full)
	equal(w, "the new session", o.holds(opened.Token), true)
	equal(w, "the session before", o.holds(session.Token), false)
	w.refused(second(o.in.ResetPassword(o.ctx(), early, goodPassword())), iam.ErrToken)
	w.refused(second(o.in.ResetPassword(o.ctx(), late, goodPassword())), iam.ErrToken) // killed by the first
	w.refused(second(p.try(old)), signin.ErrCredentials)
	p.signIn()
	equal(w, "events", len(p.about(iam.PasswordResetSent, iam.PasswordReset)), 3)
	equal(w, "mails", len(p.mails(signin.MailPasswordChanged)), 1)

	o.clock.advance(time.Hour)
	last := p.resetLink()
	o.clock.advance(time.Hour)
	w.unchanged(func() {
		w.refused(second(o.in.LookReset(o.ctx(), last)), iam.ErrToken)
		w.refused(second(o.in.ResetPassword(o.ctx(), last, goodPassword())), iam.ErrToken)
	})
	p.signIn()
}

func resetSkipsNothing(w *world) {
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	p.password = goodPassword()
	opened := must(o.in.ResetPassword(o.ctx(), p.resetLink(), p.password))(w)
	equal(w, "the stage", opened.Session.Stage, iam.NeedsSecondFactor)
	w.staged(second(o.in.Sessions(o.ctx(), opened.Token)), iam.NeedsSecondFactor)
	must(o.in.SecondFactor(o.ctx(), opened.Token, p.code()))(w)

	q := o.account()
	o.require(iam.SecondFactorRequired)
	opened = must(o.in.ResetPassword(o.ctx(), q.resetLink(), goodPassword()))(w)
	equal(w, "the stage of who has none", opened.Session.Stage, iam.NeedsEnrollment)

	// A link that is there when the account is disabled past everything opens nothing either.
	token := must(iam.NewToken(o.svc.Rand()))(w)
	off := o.accountAt(address("off"), iam.Disabled)
	w.ok(o.st.Write(o.Context(), o.id, func(tx iam.Tx) error {
		return tx.InsertToken(o.Context(), iam.TokenRecord{
			Hash: token.Hash(), Purpose: iam.ForReset, Org: o.id, Account: off.id, Email: iam.Email(strings.ToLower(off.email)),
			Created: o.svc.Now(), Expires: o.svc.Now().Add(time.Hour),
		})
	}))
	o.refusedBy(token, "LookReset", "ResetPassword")
	equal(w, "the status", off.status(), iam.Disabled)
}

func resetLinksDie(w *world) {
	for name, change := range map[string]func(p *person){
		"a password that another sets": func(p *person) { p.ok(p.in.SetPassword(p.ctx(), p.root.actor(), p.id, goodPassword())) },
		"a new address": func(p *person) {
			must(p.in.ChangeEmail(p.ctx(), p.signIn().Token, address("next")))(p)
			for _, token := range p.allLinked() {
				p.ok(second2(p.svc.ConfirmEmail(p.ctx(), token)))
			}
		},
		"a second factor": func(p *person) { p.enroll() },
		"being disabled and enabled": func(p *person) {
			must(p.root.actor().Disable(p.ctx(), p.id))(p)
			must(p.root.actor().Enable(p.ctx(), p.id))(p)
		},
		"deletion":               func(p *person) { p.ok(p.root.actor().Delete(p.ctx(), p.id)) },
		"a reset second factor":  func(p *person) { p.ok(p.in.ResetSecondFactor(p.ctx(), p.root.actor(), p.id)) },
		"a link that root sends": func(p *person) { p.ok(p.in.SendReset(p.ctx(), p.root.actor(), p.id)) },
	} {
		o := w.organization(emqx.System())
		p := o.account()
		token := p.resetLink()
		must(o.in.LookReset(o.ctx(), token))(w)
		change(p)
		if err := second(o.in.LookReset(o.ctx(), token)); !isError(err, iam.ErrToken) {
			w.Errorf("behind %s: got the error %v", name, err)
		}
		o.refusedBy(token, "ResetPassword")
	}
	// And a second factor that goes.
	o := w.organization(lanit.System())
	p := o.account()
	p.enroll()
	opened, token := p.signIn(), p.resetLink()
	must(o.in.RemoveSecondFactor(o.ctx(), opened.Token, p.code()))(w)
	o.refusedBy(token, "LookReset", "ResetPassword")
}

func resetUnlocks(w *world) {
	o := w.organization(emqx.System())
	for _, p := range []*person{o.root, o.account()} {
		p.guess(10)
		w.refused(second(p.try(p.password)), iam.ErrThrottled)
		token := p.resetLink() // which is asked for while it is locked
		p.password = goodPassword()
		opened := must(o.in.ResetPassword(o.ctx(), token, p.password))(w)
		equal(w, "the session", o.holds(opened.Token), true)
		p.signIn()
	}
}

func resetThrottled(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	params := signin.ResetParams{Org: o.id, Email: p.email}
	for range 5 {
		w.ok(o.in.RequestReset(w.from(randomPeer()), params))
	}
	w.unchanged(func() { w.refused(o.in.RequestReset(w.from(randomPeer()), params), iam.ErrThrottled) }, "iam_throttles")
	peer := randomPeer()
	for range 5 {
		w.ok(o.in.RequestReset(w.from(peer), signin.ResetParams{Org: o.id, Email: address("any")}))
	}
	w.refused(o.in.RequestReset(w.from(peer), signin.ResetParams{Org: o.id, Email: address("any")}), iam.ErrThrottled)
	equal(w, "links", len(o.allLinked()), 5)
	o.clock.advance(time.Hour)
	w.ok(o.in.RequestReset(w.from(peer), params))

	q := o.account()
	for range 5 {
		w.ok(o.in.SendReset(o.ctx(), o.root.actor(), q.id))
	}
	w.refused(o.in.SendReset(o.ctx(), o.root.actor(), q.id), iam.ErrThrottled)
	w.ok(o.in.SendReset(o.ctx(), o.root.actor(), p.id)) // of others it is another count
}

func sendReset(w *world) {
	o := w.organization(devicehub.System())
	super, admin, basic := o.account(devicehub.SuperAdmin), o.account(devicehub.Admin), o.account(devicehub.Basic)
	w.ok(o.in.SendReset(o.ctx(), admin.actor(), basic.id))
	token := o.linked()
	must(o.in.ResetPassword(o.ctx(), token, goodPassword()))(w)
	for _, refused := range []struct {
		by, of *person
		is     error
	}{
		{admin, super, iam.ErrForbidden}, {basic, admin, iam.ErrForbidden}, {super, o.root, iam.ErrForbidden},
		{o.sibling().root, basic, iam.ErrNotFound},
		{o.root, o.accountAt(address("off"), iam.Disabled), iam.ErrInvalid},
		{o.root, o.accountAt(address("pending"), iam.Pending), iam.ErrInvalid},
	} {
		w.refused(o.in.SendReset(o.ctx(), refused.by.actor(), refused.of.id), refused.is)
	}
	equal(w, "mails", len(o.deliver()), 1) // that the password was changed
}

// resetWorld is an organisation with accounts of every kind, by name.
func resetWorld(o *org) map[string]string {
	locked := o.account()
	locked.guess(10)
	return map[string]string{
		"unknown": address("unknown"), "known": o.account().email, "pending": o.accountAt(address("pending"), iam.Pending).email,
		"disabled": o.accountAt(address("off"), iam.Disabled).email, "locked": locked.email, "root": o.root.email,
	}
}

func resetOfWhomever(w *world) {
	o := w.organization(emqx.System())
	for name, email := range resetWorld(o) {
		want := 0
		if name == "known" || name == "locked" {
			want = 1
		}
		if err := o.in.RequestReset(w.from(randomPeer()), signin.ResetParams{Org: o.id, Email: email}); err != nil {
			w.Errorf("%s: got the error %v", name, err)
		}
		links := 0
		for _, m := range o.deliver() {
			if m.Template == iam.MailReset {
				links++
				equal(w, "where it goes", m.To, m.Account.Email)
			}
		}
		equal(w, "links for "+name, links, want)
	}
	// Root signs in at its own address, and resets there (E10).
	w.ok(o.in.RequestReset(o.ctx(), signin.ResetParams{Email: strings.ToUpper(o.root.email)}))
	equal(w, "root's link", must(o.in.LookReset(o.ctx(), o.linked()))(w).ID, o.root.id)
	w.ok(o.in.RequestReset(w.from(randomPeer()), signin.ResetParams{Org: "no such", Email: o.root.email}))
	equal(w, "links of no organisation", len(o.allLinked()), 0)
}

func TestResetStatements(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		var mu sync.Mutex
		var seen []string
		log := gormLogger{func(sql string) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, sql)
		}}
		w := newWorld(t, db)
		o := w.organization(lanit.System())
		people := resetWorld(o)
		heard := o.on(store.New(testdb.Again(t, db, &gorm.Config{Logger: log})))
		want := ""
		for name, email := range people {
			seen = nil
			w.ok(heard.in.RequestReset(w.from(randomPeer()), signin.ResetParams{Org: o.id, Email: email}))
			got := fmt.Sprint(len(seen), shapes(seen))
			if want == "" {
				want = got
			}
			if got != want || len(seen) == 0 {
				t.Errorf("SB-24, SB-26: the statements for %s:\n%s\nand for another:\n%s", name, got, want)
			}
		}
	})
}

// shapes are the first words of statements.
func shapes(all []string) []string {
	var firsts []string
	for _, statement := range all {
		words := strings.Fields(statement)
		firsts = append(firsts, strings.Join(words[:min(4, len(words))], " "))
	}
	return slices.Clip(firsts)
}
