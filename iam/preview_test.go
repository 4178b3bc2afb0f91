package iam_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestRemoval(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("a preview says what goes, and changes nothing", previewSays)
		w.run("a preview says what Delete says", previewAsDelete)
		w.run("E14, SB-69: of a deleted account nothing is left, and its address inherits nothing", nothingIsLeft)
		w.run("E13, SB-38: who is disabled is out at once, and can be bound to nothing", disabledIsOut)
	})
}

// busy is an account that has everything an account can have.
func (o *org) busy() iam.Account {
	o.Helper()
	ann := o.member(emqx.Administrator, emqx.ProjectUser)
	o.bind(ann.ID, emqx.ProjectUser, "p1", "p2")
	must(o.root().GiveGrant(o.Context(), ann.ID, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))))(o)
	must(o.root().GiveGrant(o.Context(), ann.ID, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id)).Until(o.clock.now().Add(time.Minute))))(o)
	o.clock.advance(time.Minute) // this one has ended
	o.signIn(ann.ID)
	o.signIn(ann.ID)
	o.resetToken(ann.ID)
	o.ok(o.st.WriteAside(o.Context(), o.id, func(tx iam.Tx) error {
		if err := tx.PutCredential(o.Context(), iam.Credential{Account: ann.ID, Password: "$argon2id$x"}); err != nil {
			return err
		}
		return tx.PutRecoveryCodes(o.Context(), ann.ID, "one", "two")
	}))
	_, _, err := o.as(ann.ID).Invite(o.Context(), iam.InviteParams{Email: address("new"), Roles: []policy.Role{emqx.Auditor}})
	o.ok(err)
	must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(o)
	must(o.root().OfferRoot(o.Context(), ann.ID))(o)
	return ann
}

func previewSays(w *world) {
	o := w.organization(emqx.System())
	late := o.busy() // her invitation has expired
	o.clock.advance(2 * time.Hour)
	ann := o.busy()
	invited := must(o.root().Invitations(o.Context(), iam.InvitationQuery{By: ann.ID}))(w)
	admin := o.member(emqx.Administrator)
	before := o.state()
	removal := must(o.as(admin.ID).Preview(o.Context(), ann.ID))(w)
	equal(w, "what is written", difference(before, o.state()), "")
	equal(w, "the account", printedAccount(removal.Account), printedAccount(o.get(ann.ID)))
	equal(w, "the refusal", removal.Refusal, nil)
	equal(w, "sessions", removal.Sessions, 2)
	same(w, "bindings", removal.Bindings, must(o.root().Bindings(o.Context(), ann.ID))(w))
	equal(w, "grants", len(removal.Grants), 1)
	if len(removal.Invitations) != 1 || removal.Invitations[0].Account != invited[0].Account {
		w.Errorf("invitations: got %+v, want %+v", removal.Invitations, invited)
	}
	equal(w, "change of address", removal.EmailChange.Account, ann.ID)
	equal(w, "offer", removal.RootOffer.To, ann.ID)

	removal = must(o.root().Preview(o.Context(), late.ID))(w)
	equal(w, "an invitation that has expired", len(removal.Invitations), 0)
	equal(w, "an offer to somebody else", removal.RootOffer, nil)
	o.clock.advance(72 * time.Hour)
	removal = must(o.root().Preview(o.Context(), ann.ID))(w)
	equal(w, "sessions that have ended", removal.Sessions, 0)
	equal(w, "a change of address that has expired", removal.EmailChange, nil)
	equal(w, "an offer that has expired", removal.RootOffer, nil)
}

func previewAsDelete(w *world) {
	o := w.rootless(emqx.System())
	last, user := o.member(emqx.Administrator), o.member(emqx.ProjectUser)
	r := w.organization(emqx.System())
	admin := r.member(emqx.Administrator)
	for what, c := range map[string]struct {
		actor iam.Actor
		id    policy.AccountID
		want  error
	}{
		"the last administrator": {o.as(last.ID), last.ID, iam.ErrLastAdministrator},
		"a user":                 {o.as(last.ID), user.ID, nil},
		"root":                   {r.root(), r.rootID, iam.ErrRoot},
		"root, by the system":    {r.system(), r.rootID, iam.ErrRoot},
		"one of two":             {r.root(), admin.ID, nil},
	} {
		removal := must(c.actor.Preview(w.Context(), c.id))(w)
		if !errors.Is(removal.Refusal, c.want) {
			w.Errorf("%s: got the refusal %v, want %v", what, removal.Refusal, c.want)
		}
		w.refused(c.actor.Delete(w.Context(), c.id), c.want)
	}
	w.refused(second(r.root().Preview(w.Context(), admin.ID)), iam.ErrNotFound)
}

// rowsOf are all rows of the database that have the text in a column, each as "table column".
func (w *world) rowsOf(text string) []string {
	w.Helper()
	var found []string
	for _, table := range must(w.db.Migrator().GetTables())(w) {
		if !strings.HasPrefix(table, "iam_") {
			continue
		}
		var rows []map[string]any
		w.ok(w.db.WithContext(w.Context()).Table(table).Find(&rows).Error)
		for _, row := range rows {
			for column, value := range row {
				if b, ok := value.([]byte); ok {
					value = string(b)
				}
				if strings.Contains(fmt.Sprint(value), text) {
					found = append(found, table+" "+column)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func nothingIsLeft(w *world) {
	o := w.organization(emqx.System())
	ann := o.busy()
	had := w.rowsOf(string(ann.ID))
	for _, table := range []string{
		"iam_accounts id", "iam_account_roles account_id", "iam_bindings account_id", "iam_grants account_id", "iam_tokens account_id",
		"iam_email_changes account_id", "iam_root_offers to_id", "iam_credentials account_id", "iam_recovery_codes account_id",
		"iam_sessions account_id",
	} {
		if !slices.Contains(had, table) {
			w.Errorf("the account had no row in %s: the test proves nothing", table)
		}
	}
	w.ok(o.root().Delete(o.Context(), ann.ID))
	// What it did and what was done to it stays in the log, and its name stays on what it made.
	for _, left := range w.rowsOf(string(ann.ID)) {
		if !slices.Contains([]string{
			"iam_events actor", "iam_events changes", "iam_events target", "iam_mails account_id", "iam_mails caused_by",
			"iam_accounts created_by", "iam_invitations invited_by",
		}, left) {
			w.Errorf("%s has the deleted account still", left)
		}
	}
	same(w, "mails on their way", o.sent(ann.ID), nil)

	again := o.create(iam.CreateAccountParams{Email: string(ann.Email), Roles: []policy.Role{emqx.Auditor}, Active: true})
	same(w, "what an account with its address has", w.rowsOf(string(again.ID)), []string{"iam_account_roles account_id", "iam_accounts id", "iam_events target"})
	same(w, "its events", saidAll(must(o.root().Events(o.Context(), iam.EventQuery{Target: string(again.ID)}))(w)), []string{
		`account.created, email "" to "` + string(ann.Email) + `", roles "" to "auditor", status "" to "active"`,
	})
}

func disabledIsOut(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.ProjectUser)
	o.bind(ann.ID, emqx.ProjectUser, "p1")
	session, reset := o.signIn(ann.ID), o.resetToken(ann.ID)
	other := o.signIn(o.member(emqx.Auditor).ID)
	must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
	link := o.follow(ann.ID, iam.ForNewEmail)

	must(o.root().Disable(o.Context(), ann.ID))(w)
	o.noAccess(session, reset)
	o.deadEmailLink(link)
	same(w, "mails on their way", o.sent(ann.ID), nil)
	equal(w, "those of the project", len(must(o.root().ProjectBindings(o.Context(), "p1", iam.AccountQuery{}))(w)), 0)
	w.wrong(o.root().Bind(o.Context(), iam.Binding{Account: ann.ID, Role: emqx.ProjectUser, Project: "p2"}), "Account")
	must(o.st.Session(o.Context(), other))(w)

	must(o.root().Enable(o.Context(), ann.ID))(w)
	o.noAccess(session, reset)
	o.deadEmailLink(link)
	equal(w, "those of the project", len(must(o.root().ProjectBindings(o.Context(), "p1", iam.AccountQuery{}))(w)), 1)
}
