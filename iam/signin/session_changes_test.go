package signin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func TestSessionOfChangedAccount(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-38: what ends sessions ends them on every node with the next request", endedEverywhere)
		w.run("SB-44: of EMQX, a change of roles is seen by the next request", rolesAtOnce)
		w.run("L10: of LANIT, a session keeps what it was opened with", rolesAtNextSignIn)
		w.run("SB-52: who has no second factor yet must enroll, when one becomes required", secondFactorBecomesRequired)
		w.run("SB-35: a session that cannot be read is none, and one that cannot be ended is not said to be", sessionsFailClosed)
		w.run("SB-41: a use that cannot be written down lets read, and does not lengthen the session", usesThatAreNotWritten)
	})
}

func endedEverywhere(w *world) {
	o := w.organization(emqx.System())
	node := o.node(signin.Config{})
	root := o.root.actor()
	for what, end := range map[string]func(p *person, opened signin.Opened) error{
		"signed out":      func(p *person, opened signin.Opened) error { return o.in.SignOut(o.ctx(), opened.Token) },
		"ended by others": func(p *person, _ signin.Opened) error { return second(o.in.EndSessions(o.ctx(), root, p.id)) },
		"disabled":        func(p *person, _ signin.Opened) error { return second(root.Disable(w.Context(), p.id)) },
		"deleted":         func(p *person, _ signin.Opened) error { return root.Delete(w.Context(), p.id) },
		"given a password": func(p *person, _ signin.Opened) error {
			return o.in.SetPassword(o.ctx(), root, p.id, goodPassword())
		},
		"second factor reset": func(p *person, _ signin.Opened) error { return o.in.ResetSecondFactor(o.ctx(), root, p.id) },
		"password changed elsewhere": func(p *person, _ signin.Opened) error {
			return second(o.in.ChangePassword(o.ctx(), p.signIn().Token, p.password, goodPassword()))
		},
		"second factor added elsewhere": func(p *person, _ signin.Opened) error { p.enroll(); return nil },
		"enabled after it was disabled": func(p *person, _ signin.Opened) error {
			return errors.Join(second(root.Disable(w.Context(), p.id)), second(root.Enable(w.Context(), p.id)))
		},
	} {
		p := o.account()
		opened := p.signIn()
		equal(w, what+": before, on the other node", node.holds(opened.Token), true)
		w.ok(end(p, opened))
		equal(w, what+": after, on the other node", node.holds(opened.Token), false)
		equal(w, what+": after, here", o.holds(opened.Token), false)
	}
}

// The account is looked at in each request, also where its session is there still: no row has to go for it (SB-71).
func TestSessionOfInactive(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organization(emqx.System())
		for _, status := range []iam.Status{iam.Disabled, iam.Pending, "other"} {
			p := o.account()
			opened := p.signIn()
			w.ok(w.db.Exec("UPDATE iam_accounts SET status = ? WHERE id = ?", status, p.id).Error)
			equal(w, string(status), o.holds(opened.Token), false)
			w.refused(second(o.in.Sessions(o.ctx(), opened.Token)), signin.ErrSession)
			w.refused(second(o.in.Confirm(o.ctx(), opened.Token, p.password)), signin.ErrSession)
		}
	})
}

func rolesAtOnce(w *world) {
	o := w.organization(emqx.System())
	p := o.account(emqx.Administrator)
	opened := p.signIn()
	may := func() bool {
		sub, _, err := o.in.Session(o.ctx(), opened.Token)
		w.ok(err)
		return o.svc.Can(sub, emqx.SubaccountManage.Action(), emqx.SubaccountManage.Kind().Of(o.id))
	}
	equal(w, "an administrator may", may(), true)
	w.ok(third(o.system().SetRoles(w.Context(), p.id, emqx.Auditor)))
	equal(w, "an auditor may", may(), false)
}

func rolesAtNextSignIn(w *world) {
	o := w.organization(lanit.System())
	p := o.account(lanit.Admin)
	below := o.account()
	opened := p.signIn()
	subject := func(token iam.Token) iam.Subject {
		w.Helper()
		sub, _, err := o.in.Session(o.ctx(), token)
		w.ok(err)
		return sub
	}
	may := func(sub iam.Subject) bool {
		return o.svc.Can(sub, lanit.SubaccountManage.Action(), lanit.SubaccountManage.Kind().Of(o.id))
	}
	w.ok(third(o.system().SetRoles(w.Context(), p.id, lanit.Member)))
	sub := subject(opened.Token)
	equal(w, "the session from before may", may(sub), true)
	// Also where the actor is loaded anew, in the transaction.
	w.ok(second(o.svc.As(sub).UpdateProfile(w.Context(), below.id, iam.Profile{Name: "By the session"})))
	w.ok(second(o.in.EndSessions(o.ctx(), o.svc.As(sub), below.id)))
	equal(w, "the next session may", may(subject(p.signIn().Token)), false)
	equal(w, "the session from before may still", may(subject(opened.Token)), true)
	w.refused(second(p.actor().UpdateProfile(w.Context(), below.id, iam.Profile{Name: "Now"})), iam.ErrForbidden)
	// What is kept does not decide whether the account is active.
	record := must(w.st.Session(w.Context(), opened.Token.Hash()))(w)
	record.Status = iam.Disabled
	equal(w, "the subject of a disabled account may", may(must(o.svc.SubjectOf(w.Context(), record))(w)), false)
	// Disabling acts at once: on the session, and on an actor that was loaded before.
	w.ok(second(o.system().Disable(w.Context(), p.id)))
	equal(w, "the session of who is disabled", o.holds(opened.Token), false)
	w.refused(second(o.svc.As(sub).UpdateProfile(w.Context(), below.id, iam.Profile{Name: "After"})), iam.ErrForbidden)
	w.ok(o.system().Delete(w.Context(), p.id))
	w.refused(second(o.svc.As(sub).UpdateProfile(w.Context(), below.id, iam.Profile{Name: "After"})), iam.ErrForbidden)
	// Where the Rules do not let sessions keep anything any more, those from before do not either.
	q := o.account(lanit.Admin)
	opened = q.signIn()
	w.ok(third(o.system().SetRoles(w.Context(), q.id, lanit.Member)))
	rules := lanit.System()
	rules.Rules.RoleChanges = iam.AtOnce
	svc := must(iam.New(w.st, rules, iam.Config{Now: o.clock.now, BaseURL: baseURL, Keys: keys}))(w)
	sub, _, err := must(signin.NewWeak(svc, signin.Config{}))(w).Session(o.ctx(), opened.Token)
	w.ok(err)
	equal(w, "under other Rules the session may", may(sub), false)
}

func secondFactorBecomesRequired(w *world) {
	o := w.organization(emqx.System())
	without, with := o.account(), o.account()
	before, enrolled := without.signIn(), with.enroll()
	half := with.begin()
	o.require(iam.SecondFactorRequired)

	equal(w, "the session of who has one", o.holds(enrolled.Token), true)
	_, _, err := o.in.Session(o.ctx(), before.Token)
	w.staged(err, iam.NeedsEnrollment)
	w.staged(second(o.in.Sessions(o.ctx(), before.Token)), iam.NeedsEnrollment)
	equal(w, "stage of a new sign-in", without.begin().Session.Stage, iam.NeedsEnrollment)
	equal(w, "stage of one that has begun", must(o.in.SecondFactor(o.ctx(), half.Token, with.code()))(w).Session.Stage, iam.Full)

	// Where it is required no more, the session is what it was.
	o.require(iam.SecondFactorAllowed)
	equal(w, "held", o.holds(before.Token), true)
	o.require(iam.SecondFactorRequired)
	made := must(o.in.Enroll(o.ctx(), before.Token))(w)
	without.secret = made.Secret
	done := must(o.in.ConfirmEnrollment(o.ctx(), before.Token, without.code()))(w)
	equal(w, "stage", done.Session.Stage, iam.Full)
	equal(w, "held", o.holds(done.Token), true)
	equal(w, "the token from before", o.holds(before.Token), false)
}

// brokenSessions is a store that cannot say whether there is a session: outside of transactions, or within.
type brokenSessions struct {
	iam.Store
	outside, within, touch error
	onTouch                func() // runs first, when a use is to be written
}

func (s brokenSessions) Session(ctx context.Context, hash iam.TokenHash) (iam.SessionRecord, error) {
	if s.outside != nil {
		return iam.SessionRecord{}, s.outside
	}
	return s.Store.Session(ctx, hash)
}

func (s brokenSessions) TouchSession(context.Context, iam.TokenHash, time.Time) error {
	if s.onTouch != nil {
		s.onTouch()
	}
	return s.touch
}

func (s brokenSessions) TouchAPIKey(context.Context, iam.APIKeyID, time.Time) error { return s.touch }

func (s brokenSessions) WriteAside(ctx context.Context, org policy.OrgID, do func(tx iam.Tx) error) error {
	return s.Store.WriteAside(ctx, org, func(tx iam.Tx) error { return do(brokenTx{tx, s.within}) })
}

type brokenTx struct {
	iam.Tx
	err error
}

func (t brokenTx) HasSession(ctx context.Context, account policy.AccountID, id iam.SessionID) (bool, error) {
	if t.err != nil {
		return false, t.err
	}
	return t.Tx.HasSession(ctx, account, id)
}

func sessionsFailClosed(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	opened := p.signIn()
	o.clock.advance(2 * time.Minute)
	broken := errors.New("the database is away")
	for _, st := range []brokenSessions{{Store: w.st, outside: broken}, {Store: w.st, within: broken}} {
		in := o.on(st).in
		for what, call := range map[string]func() error{
			"Session":          func() error { sub, _, err := in.Session(o.ctx(), opened.Token); return let(sub, err) },
			"SignOut":          func() error { return in.SignOut(o.ctx(), opened.Token) },
			"EndOtherSessions": func() error { return second(in.EndOtherSessions(o.ctx(), opened.Token)) },
			"Confirm":          func() error { return second(in.Confirm(o.ctx(), opened.Token, p.password)) },
		} {
			if what == "Session" && st.within != nil {
				continue // it does not come there
			}
			err := call()
			w.refused(err, broken)
			if errors.Is(err, signin.ErrSession) {
				w.Errorf("%s: a failure is told as if there was no session: %v", what, err)
			}
		}
	}
	equal(w, "the session holds still", o.holds(opened.Token), true)
}

// usesThatAreNotWritten uses a session and a key of a database that can be read, and not be written to: its disk is
// full, for one.
func usesThatAreNotWritten(w *world) {
	o := w.organization(emqx.System())
	p := o.account(emqx.Administrator)
	opened := p.signIn()
	_, secret := p.apiKey(emqx.DeploymentView)
	full := o.on(brokenSessions{Store: w.st, touch: errors.New("the disk is full")})
	for used := time.Duration(0); used < opened.Session.Idle; used += 10 * time.Minute {
		sub, _, err := full.in.Session(o.ctx(), opened.Token)
		w.ok(err)
		equal(w, "whose session it is", sub.ID(), p.id)
		sub, _, err = full.in.Key(o.ctx(), secret)
		w.ok(err)
		equal(w, "whose key it is", sub.ID(), p.id)
		o.clock.advance(10 * time.Minute)
	}
	w.refused(third(full.in.Session(o.ctx(), opened.Token)), signin.ErrSession)
	w.refused(third(o.in.Session(o.ctx(), opened.Token)), signin.ErrSession)
	// Whoever has gone meanwhile is told so, and no more.
	canceled, cancel := context.WithCancel(o.ctx())
	next := p.signIn()
	o.clock.advance(2 * time.Minute)
	st := brokenSessions{Store: w.st, touch: context.Canceled, onTouch: cancel}
	w.refused(third(o.on(st).in.Session(canceled, next.Token)), context.Canceled)
}

// let reports a subject that may do something although there was an error.
func let(sub iam.Subject, err error) error {
	if err != nil && sub.ID() != "" {
		return errors.New("an error, and a subject")
	}
	return err
}
