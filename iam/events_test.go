package iam_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// changing are the methods that change something, with the type of the last event that each leaves.
var changing = map[string]iam.EventType{
	"CreateAccount": iam.AccountCreated, "UpdateProfile": iam.AccountUpdated, "SetRoles": iam.AccountRolesChanged,
	"Activate": iam.AccountActivated, "Disable": iam.AccountDisabled, "Enable": iam.AccountEnabled, "Delete": iam.AccountDeleted,
	"Bind": iam.ProjectBound, "Unbind": iam.ProjectUnbound, "OpenProject": iam.ProjectOpened, "CloseProject": iam.ProjectClosed,
	"ForgetProject": iam.ProjectForgotten, "GiveGrant": iam.GrantGiven, "GiveGrantOn": iam.GrantGiven, "RevokeGrant": iam.GrantRevoked,
	"Invite": iam.InvitationSent, "ImportInvitations": iam.InvitationSent, "ResendInvitation": iam.InvitationResent, "RevokeInvitation": iam.InvitationRevoked, "InvitationLink": iam.InvitationLinked,
	"ChangeEmail": iam.EmailChangeAsked, "CancelEmailChange": iam.EmailChangeDropped, "OfferRoot": iam.RootOffered, "WithdrawRootOffer": iam.RootOfferWithdrawn,
	"HandOver": iam.HandedOver, "UpdateOrganization": iam.OrganizationUpdated,
	"Claim": iam.ResourceClaimed, "Release": iam.ResourceReleased, "Transfer": iam.ResourceTransferred,
	"Share": iam.GrantGiven, "Unshare": iam.GrantRevoked, "SetQuota": iam.QuotaChanged,
	"Record": "Tested", "ExportEvents": iam.EventsExported,
	"CreateAPIKey": iam.APIKeyCreated, "UpdateAPIKey": iam.APIKeyUpdated, "DeleteAPIKey": iam.APIKeyDeleted,
	"Manage": iam.AccountUnlocked, "Own": iam.PasswordChanged,
}

func TestEvents(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E17: every change leaves an event that says who, what and when", everyChange)
		w.run("E17: root, administrators and auditors read the log", whoReads)
		w.run("E17: the log is narrowed and paged", logQueries)
		w.run("SB-80: a change whose event cannot be written does not happen", deafLog)
		w.run("a change in the host's transaction commits or vanishes with it", hostTransaction)
		w.run("an organisation that is made in it too", hostTransactionOrganization)
	})
}

func everyChange(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	born := o.events()
	same(w, "an organisation's first events", saidAll(born), []string{
		`organization.created, name "" to ""`, rootBorn(o),
	})
	equal(w, "its reason", born[0].Reason, "test")

	root := o.root()
	for name, m := range g.methods() {
		if notByRoot[name] {
			continue
		}
		want, changes := changing[name]
		x := g.target(o, name)
		o.clock.advance(time.Minute)
		before := o.events()
		w.ok(m.call(inOrg(o), root, x))
		after := o.since(before)
		if !changes {
			equal(w, "events of reading by "+name, len(after), 0)
			continue
		}
		if len(after) == 0 {
			w.Errorf("%s left no event", name)
			continue
		}
		equal(w, name, after[len(after)-1].Type, want)
		first := 1
		if last := before[len(before)-1]; last.Revision == o.revision() { // it was a WriteAside
			first = last.Ordinal + 1
		}
		for i, e := range after {
			equal(w, name+": actor", e.Actor, o.rootID)
			equal(w, name+": reason", e.Reason, "")
			equal(w, name+": time", e.Time.Equal(o.clock.now()), true)
			equal(w, name+": organisation", e.Org, o.id)
			equal(w, name+": revision", e.Revision, o.revision())
			equal(w, name+": ordinal", e.Ordinal, first+i)
		}
		about := []string{string(x.account), string(x.project), string(o.id), x.device, string(x.key), string(x.to)}
		target := after[len(after)-1].Target
		elsewhere := slices.Contains([]string{"CreateAccount", "Invite", "ImportInvitations", "CreateAPIKey", "Own"}, name) // about what is new, and about oneself
		equal(w, name+": is about the target", slices.Contains(about, target), !elsewhere)
	}
	for name := range changing {
		if _, known := g.methods()[name]; !known {
			w.Errorf("%s is no method", name)
		}
	}
}

// rootBorn is what the event of a new root says.
func rootBorn(o *org) string {
	return `account.created, email "" to "` + string(o.get(o.rootID).Email) + `", roles "" to "root", status "" to "active"`
}

func whoReads(w *world) {
	o := w.organization(emqx.System())
	for _, role := range subAccountRoles {
		_, err := o.as(o.account(role)).Events(o.Context(), iam.EventQuery{})
		equal(w, string(role)+" reads the log", err == nil, role == emqx.Administrator || role == emqx.Auditor)
	}
	if len(must(o.root().Events(o.Context(), iam.EventQuery{}))(w)) == 0 {
		w.Error("root finds an empty log")
	}
	// Another organisation's events are nowhere in it.
	other := o.sibling()
	for _, e := range must(other.root().Events(o.Context(), iam.EventQuery{Limit: 1000}))(w) {
		equal(w, "an event's organisation", e.Org, other.id)
	}
	legacy := w.organization(emqx.LegacySystem())
	w.refused(second(legacy.root().Events(o.Context(), iam.EventQuery{})), iam.ErrForbidden)
	must(legacy.system().Events(o.Context(), iam.EventQuery{}))(w)
}

func logQueries(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	start := o.clock.now()
	var ids []policy.AccountID
	for range 5 {
		o.clock.advance(time.Minute)
		account, _, err := o.as(admin).CreateAccount(o.Context(), iam.CreateAccountParams{Roles: []policy.Role{emqx.Auditor}})
		w.ok(err)
		ids = append(ids, account.ID)
	}
	must(o.root().Disable(o.Context(), ids[2]))(w)
	count := func(q iam.EventQuery) int { return len(must(o.root().Events(o.Context(), q))(w)) }
	equal(w, "by the administrator", count(iam.EventQuery{Actor: admin}), 5)
	equal(w, "about one", count(iam.EventQuery{Target: string(ids[2])}), 2)
	equal(w, "of a type", count(iam.EventQuery{Type: iam.AccountDisabled}), 1)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	equal(w, "within two minutes", count(iam.EventQuery{From: at(2), To: at(4)}), 2)

	page := must(o.root().Events(o.Context(), iam.EventQuery{Actor: admin, Limit: 2}))(w)
	next := must(o.root().Events(o.Context(), iam.EventQuery{Actor: admin, Limit: 2, Before: page[1].Position()}))(w)
	got := []string{page[0].Target, page[1].Target, next[0].Target, next[1].Target}
	same(w, "the newest first", got, []string{string(ids[4]), string(ids[3]), string(ids[2]), string(ids[1])})
}

// deaf is a store whose log takes nothing.
type deaf struct{ iam.Store }

type deafTx struct{ iam.Tx }

var errDeaf = errors.New("the log is full")

func (d deaf) Write(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return d.Store.Write(ctx, org, func(tx iam.Tx) error { return do(deafTx{tx}) })
}

func (d deaf) WriteAside(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return d.Store.WriteAside(ctx, org, func(tx iam.Tx) error { return do(deafTx{tx}) })
}

func (d deaf) Create(ctx context.Context, org iam.Organization, do func(iam.Tx) error) error {
	return d.Store.Create(ctx, org, func(tx iam.Tx) error { return do(deafTx{tx}) })
}

func (deafTx) Append(context.Context, iam.Event, func(iam.Event, string) string) error {
	return errDeaf
}

func deafLog(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	svc := o.svc.WithStore(deaf{o.st})
	root := svc.As(o.subject(o.rootID))
	for name := range changing {
		x := g.target(o, name)
		o.unchanged(func() { w.refused(g.methods()[name].call(inOrg(o), root, x), errDeaf) })
	}
	id := policy.OrgID(address("org"))
	w.refused(second(svc.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{ID: id})), errDeaf)
	w.refused(second(o.svc.System("test").In(id).Organization(w.Context())), iam.ErrNotFound)
}

func hostTransaction(w *world) {
	g := guardedSystems()[0]
	o := w.organization(g.system)
	o.hostTable()
	for i, name := range slices.Sorted(maps.Keys(changing)) {
		x := g.target(o, name)
		do := func(end error) error {
			return o.inHostTransaction(func(svc *iam.Service, tx *gorm.DB) error {
				if err := tx.Exec("INSERT INTO host_rows (id, org) VALUES (?, ?)", i, o.id).Error; err != nil {
					return err
				}
				if err := g.methods()[name].call(inOrg(o), svc.As(o.subject(o.rootID)), x); err != nil {
					w.Errorf("%s: %v", name, err)
				}
				return end
			})
		}
		rollback := errors.New("the host thinks better of it")
		o.unchanged(func() { w.refused(do(rollback), rollback) })
		equal(w, "host rows after the rollback of "+name, o.hostRows(), i)

		before := o.events()
		w.ok(do(nil))
		equal(w, "host rows after the commit of "+name, o.hostRows(), i+1)
		if after := o.since(before); len(after) == 0 || after[len(after)-1].Type != changing[name] {
			w.Errorf("events after the commit of %s: %v", name, saidAll(after))
		}
	}

	// A refusal takes back what is the library's, and leaves the transaction to the host.
	rows := o.hostRows()
	o.unchanged(func() {
		w.ok(o.inHostTransaction(func(svc *iam.Service, tx *gorm.DB) error {
			w.refused(second(svc.System("test").In(o.id).Disable(o.Context(), o.rootID)), iam.ErrRoot)
			return tx.Exec("INSERT INTO host_rows (id, org) VALUES (?, ?)", 1000, o.id).Error
		}))
	})
	equal(w, "host rows after a refusal", o.hostRows(), rows+1)
}
