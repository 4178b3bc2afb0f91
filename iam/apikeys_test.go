package iam_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E18: root and administrators manage keys, auditors see them", manageKeys)
		w.run("a key's scope is what its account has", scopeOfAKey)
		w.run("SB-61: a key of somebody else is edited within both accounts", editOthersKey)
		w.run("E18, SB-64, SB-71: a key does what its account may now, within its scope", actByKey)
		w.run("SB-61, SB-62: a key gives nothing and manages nobody", keyGivesNothing)
		w.run("SB-64: a key that was changed or deleted meanwhile changes nothing", staleKey)
		w.run("every event by a key says which", eventsByKey)
		w.run("SB-69: keys die with their account, and projects leave their scopes", keysDie)
	})
}

// in is a scope in projects, or in all of them.
func in(projects []policy.ProjectID, permissions ...policy.Permission) policy.Scope {
	return policy.Scope{Permissions: permissions, Projects: projects, AllProjects: projects == nil}
}

func projects(ids ...policy.ProjectID) []policy.ProjectID { return ids }

// key makes a key of an account's.
func (o *org) key(account policy.AccountID, scope policy.Scope) iam.APIKey {
	o.Helper()
	k, _, err := o.as(account).CreateAPIKey(o.Context(), iam.APIKeyParams{Scope: scope})
	o.ok(err)
	return k
}

// bearer loads who a key acts for.
func (o *org) bearer(id iam.APIKeyID) iam.Subject {
	o.Helper()
	k := must(o.st.APIKeyRecord(o.Context(), id))(o).APIKey
	return must(o.svc.SubjectOfKey(o.Context(), k))(o)
}

func manageKeys(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	before := o.events()
	until := o.clock.now().Add(time.Hour).UTC()
	k, secret, err := o.as(admin).CreateAPIKey(w.Context(), iam.APIKeyParams{
		Description: "nightly\nbackup", Expires: until,
		Scope: policy.Scope{Permissions: []policy.Permission{emqx.DeploymentView, emqx.DeploymentList, emqx.DeploymentView}, Projects: projects("p2", "p1", "p2")},
	})
	w.ok(err)
	want := iam.APIKey{
		ID: k.ID, Org: o.id, Account: admin, Description: "nightly\nbackup", Expires: until,
		Scope:   in(projects("p1", "p2"), emqx.DeploymentList, emqx.DeploymentView),
		Created: o.clock.now().UTC(), Updated: o.clock.now().UTC(),
	}
	if !reflect.DeepEqual(k, want) {
		w.Errorf("got  %+v\nwant %+v", k, want)
	}
	id, token := iam.ParseAPIKey(secret)
	stored := must(o.st.APIKey(w.Context(), o.id, k.ID))(w)
	equal(w, "the id in the secret", id, k.ID)
	equal(w, "the secret opens it", stored.OpenedBy(token), true)
	equal(w, "what is stored", stored.Hash, token.Hash())
	equal(w, "nothing opens what is shown", k.OpenedBy(iam.Token{}) || k.OpenedBy(token) || (iam.APIKey{}).OpenedBy(iam.Token{}), false)

	auditor := o.account(emqx.Auditor)
	list := must(o.as(auditor).APIKeys(w.Context(), iam.APIKeyQuery{}))(w)
	if len(list) != 1 || !reflect.DeepEqual(list[0], want) {
		w.Errorf("the auditor sees %+v, want %+v", list, want)
	}
	_, _, err = o.as(auditor).CreateAPIKey(w.Context(), iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView)})
	w.refused(err, iam.ErrForbidden)
	w.refused(o.as(auditor).DeleteAPIKey(w.Context(), k.ID), iam.ErrForbidden)
	w.refused(second(o.as(o.account(emqx.Accountant)).APIKeys(w.Context(), iam.APIKeyQuery{})), iam.ErrForbidden)

	edited := must(o.root().UpdateAPIKey(w.Context(), k.ID, iam.APIKeyParams{Description: "nightly", Scope: in(projects("p1"), emqx.DeploymentView)}))(w)
	want.Description, want.Scope, want.Expires = "nightly", in(projects("p1"), emqx.DeploymentView), time.Time{}
	if !reflect.DeepEqual(edited, want) {
		w.Errorf("got  %+v\nwant %+v", edited, want)
	}
	same(w, "an edit that changes nothing", saidAll(o.unsaid(func() {
		must(o.root().UpdateAPIKey(w.Context(), k.ID, iam.APIKeyParams{Description: "nightly", Scope: in(projects("p1", "p1"), emqx.DeploymentView)}))(w)
	})), nil)
	w.ok(o.root().DeleteAPIKey(w.Context(), k.ID))
	w.refused(o.root().DeleteAPIKey(w.Context(), k.ID), iam.ErrNotFound)
	w.refused(second(o.root().UpdateAPIKey(w.Context(), k.ID, iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView)})), iam.ErrNotFound)

	var got []iam.Event
	for _, e := range o.since(before) {
		if strings.HasPrefix(string(e.Type), "api_key.") {
			got = append(got, e)
			equal(w, "the target of "+string(e.Type), e.Target, string(k.ID))
			if strings.Contains(fmt.Sprintf("%#v", e), token.Reveal()) || strings.Contains(fmt.Sprintf("%#v", e), string(token.Hash())) {
				w.Errorf("SB-82: the event %+v says the secret", e)
			}
		}
	}
	same(w, "events", saidAll(got), []string{
		`api_key.created, description "" to "nightly\nbackup", permissions "" to "deployment:list deployment:view", projects "" to "p1 p2", expires "" to "` + until.Format(time.RFC3339) + `"`,
		`api_key.updated, description "nightly\nbackup" to "nightly", permissions "deployment:list deployment:view" to "deployment:view", projects "p1 p2" to "p1", expires "` + until.Format(time.RFC3339) + `" to ""`,
		`api_key.deleted, account "` + string(admin) + `" to "", description "nightly" to "", permissions "deployment:view" to "", projects "p1" to ""`,
	})
}

// unsaid are the events that do causes.
func (o *org) unsaid(do func()) []iam.Event {
	o.Helper()
	before := o.events()
	do()
	return o.since(before)
}

func scopeOfAKey(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	// One who may manage keys, and otherwise works in a project.
	delegate := o.account(emqx.ProjectUser)
	o.bind(delegate, emqx.ProjectUser, "p1")
	w.ok(second(o.system().GiveGrant(w.Context(), delegate, policy.GrantPermission(emqx.APIKeyManage, policy.AtOrg(o.id)))))
	w.ok(second(o.system().GiveGrant(w.Context(), delegate, policy.GrantPermission(emqx.AuditLogView, policy.AtOrg(o.id)).Until(o.clock.now().Add(time.Minute)))))
	many := make([]policy.ProjectID, 1001)
	for i := range many {
		many[i] = policy.ProjectID(fmt.Sprint("p", i))
	}
	for _, tt := range []struct {
		name    string
		by      policy.AccountID
		params  iam.APIKeyParams
		field   string
		problem string
	}{
		{"in one's project", delegate, iam.APIKeyParams{Scope: in(projects("p1"), emqx.DeploymentView)}, "", ""},
		{"under the condition that one has", delegate, iam.APIKeyParams{Scope: in(projects("p1"), emqx.DeploymentClusterLinkingView)}, "", ""},
		{"what one has for a while", delegate, iam.APIKeyParams{Scope: in(nil, emqx.AuditLogView)}, "", ""},
		{"everywhere", admin, iam.APIKeyParams{Scope: in(nil, emqx.System().Policy.Vocabulary()[:10]...)}, "", ""},
		{"in a project too many", delegate, iam.APIKeyParams{Scope: in(projects("p1", "p2"), emqx.DeploymentView)}, "Scope", "the account of the key lacks there: deployment:view"},
		{"in all projects", delegate, iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView, emqx.AuditLogView)}, "Scope", "the account of the key lacks there: deployment:view"},
		{"what one does not have", delegate, iam.APIKeyParams{Scope: in(projects("p1"), emqx.DeploymentView, emqx.DeploymentDelete, emqx.ProjectCreate)}, "Scope", "the account of the key lacks there: deployment:delete, project:create"},
		{"nothing", admin, iam.APIKeyParams{}, "Scope", "want a permission at least"},
		{"nowhere", admin, iam.APIKeyParams{Scope: policy.Scope{Permissions: []policy.Permission{emqx.DeploymentView}}}, "Scope", "want a project at least, or all projects"},
		{"a permission that there is not", admin, iam.APIKeyParams{Scope: in(nil, "rocket:launch")}, "Scope", `unknown permission "rocket:launch"`},
		{"a project without an id", admin, iam.APIKeyParams{Scope: in(projects("p1", ""), emqx.DeploymentView)}, "Scope", "the id is empty"},
		{"too many projects", admin, iam.APIKeyParams{Scope: in(many, emqx.DeploymentView)}, "Scope", "there are 1001 projects: at most 1000"},
		{"a description that cannot be stored", admin, iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView), Description: "\x00"}, "Description", ""},
		{"an end that has passed", admin, iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView), Expires: o.clock.now()}, "Expires", ""},
		{"an end that no answer can say", admin, iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView), Expires: unwritable()}, "Expires", ""},
	} {
		var err error
		events := o.unsaid(func() { _, _, err = o.as(tt.by).CreateAPIKey(w.Context(), tt.params) })
		var field *iam.FieldError
		switch {
		case tt.field == "" && err != nil, tt.field != "" && (!errors.As(err, &field) || field.Field != tt.field):
			w.Errorf("%s: got the error %v, want one for the field %q", tt.name, err, tt.field)
		case tt.problem != "" && field.Problem != tt.problem:
			w.Errorf("%s: got the problem %q, want %q", tt.name, field.Problem, tt.problem)
		case (len(events) == 1) != (tt.field == ""):
			w.Errorf("%s: got the events %v", tt.name, saidAll(events))
		}
	}
	_, _, err := o.system().CreateAPIKey(w.Context(), iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView)})
	w.refused(err, iam.ErrForbidden)
}

func editOthersKey(w *world) {
	o := w.organization(emqx.System())
	delegate, admin := o.account(emqx.ProjectUser), o.account(emqx.Administrator)
	o.bind(delegate, emqx.ProjectUser, "p1", "p2")
	for _, name := range []policy.Permission{emqx.APIKeyManage, emqx.APIKeyView} {
		w.ok(second(o.system().GiveGrant(w.Context(), delegate, policy.GrantPermission(name, policy.AtOrg(o.id)))))
	}
	theirs := o.key(delegate, in(projects("p1"), emqx.DeploymentView))
	admins := o.key(admin, in(projects("p1", "p3"), emqx.DeploymentView, emqx.DeploymentDelete))
	edit := func(by policy.AccountID, k iam.APIKey, s policy.Scope) error {
		return second(o.as(by).UpdateAPIKey(w.Context(), k.ID, iam.APIKeyParams{Description: "edited", Scope: s}))
	}
	w.ok(edit(admin, theirs, in(projects("p1", "p2"), emqx.DeploymentView, emqx.DeploymentRename)))
	w.wrong(edit(admin, theirs, in(projects("p1"), emqx.DeploymentDelete)), "Scope") // which its account lacks
	w.wrong(edit(admin, theirs, in(nil, emqx.DeploymentView)), "Scope")              // there
	w.wrong(edit(delegate, admins, in(nil, emqx.DeploymentView)), "Scope")           // which the editor lacks
	w.wrong(edit(delegate, admins, in(projects("p1"), emqx.ProjectCreate)), "Scope") // also there
	w.ok(edit(delegate, admins, in(projects("p3"), emqx.DeploymentDelete)))          // takes away only
	w.ok(edit(delegate, admins, in(projects("p1", "p2"), emqx.DeploymentView)))      // both have it
	w.ok(second(o.system().UpdateAPIKey(w.Context(), admins.ID, iam.APIKeyParams{Scope: in(nil, emqx.ProjectCreate)})))
	w.wrong(second(o.system().UpdateAPIKey(w.Context(), theirs.ID, iam.APIKeyParams{Scope: in(nil, emqx.ProjectCreate)})), "Scope")

	// The description of a key whose account has lost what is in the scope can be edited; the scope only for what it has.
	_, _, err := o.system().SetRoles(w.Context(), delegate, emqx.Auditor)
	w.ok(err)
	k := must(o.as(admin).UpdateAPIKey(w.Context(), theirs.ID, iam.APIKeyParams{
		Description: "another", Scope: in(projects("p1", "p2"), emqx.DeploymentView, emqx.DeploymentRename),
	}))(w)
	equal(w, "description", k.Description, "another")
	w.wrong(edit(admin, theirs, in(projects("p1"), emqx.DeploymentRename)), "Scope")
	other := o.sibling()
	w.refused(second(other.root().UpdateAPIKey(w.Context(), theirs.ID, iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView)})), iam.ErrNotFound)
	w.refused(other.root().DeleteAPIKey(w.Context(), theirs.ID), iam.ErrNotFound)
	equal(w, "keys that another organisation sees", len(must(other.root().APIKeys(w.Context(), iam.APIKeyQuery{}))(w)), 0)
}

func actByKey(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	k := o.key(admin, in(projects("p1"), emqx.DeploymentView, emqx.DeploymentRename))
	can := func(p policy.Permission, project policy.ProjectID) bool {
		return o.svc.Can(o.bearer(k.ID), p.Action(), p.Kind().In(o.id, project).Named("d"))
	}
	state := func() string {
		return fmt.Sprint(can(emqx.DeploymentView, "p1"), can(emqx.DeploymentRename, "p1"), can(emqx.DeploymentDelete, "p1"), can(emqx.DeploymentView, "p2"))
	}
	equal(w, "at first", state(), "true true false false")
	equal(w, "out of scope", o.svc.Explain(o.bearer(k.ID), emqx.Delete, emqx.Deployment.In(o.id, "p1").Named("d")).Reason, policy.OutOfScope)
	equal(w, "the reach", fmt.Sprint(o.svc.Reach(o.bearer(k.ID), emqx.View, emqx.Deployment).Projects()), "[p1]")

	_, _, err := o.system().SetRoles(w.Context(), admin, emqx.Auditor) // SB-64
	w.ok(err)
	equal(w, "demoted to an auditor", state(), "true false false false")
	_, _, err = o.system().SetRoles(w.Context(), admin, emqx.ProjectUser)
	w.ok(err)
	equal(w, "bound to nothing", state(), "false false false false")
	o.bind(admin, emqx.ProjectUser, "p1", "p2")
	equal(w, "bound to more than its scope", state(), "true true false false")
	must(o.system().Disable(w.Context(), admin))(w) // SB-71
	equal(w, "disabled", state(), "false false false false")
	equal(w, "its status", o.bearer(k.ID).Status(), iam.Disabled)
	must(o.system().Enable(w.Context(), admin))(w)
	equal(w, "enabled", state(), "true true false false")
	must(o.system().UpdateAPIKey(w.Context(), k.ID, iam.APIKeyParams{Scope: in(projects("p2"), emqx.DeploymentView)}))(w)
	equal(w, "edited", state(), "false false false true")

	root := o.bearer(o.key(o.rootID, in(nil, emqx.System().Policy.Vocabulary()...)).ID)
	equal(w, "a key of root's is root", root.Root(), false)
	equal(w, "its roles", len(root.Roles()), 0)
	equal(w, "its account", root.ID(), o.rootID)
	equal(w, "an account acts by no key", o.subject(o.rootID).Key(), "")
	forged := must(o.st.APIKeyRecord(w.Context(), k.ID))(w).APIKey
	forged.Org = o.sibling().id
	w.refused(second(o.svc.SubjectOfKey(w.Context(), forged)), iam.ErrNotFound)
	forged.Org, forged.ID = o.id, ""
	w.refused(second(o.svc.SubjectOfKey(w.Context(), forged)), iam.ErrNotFound)
}

func keyGivesNothing(w *world) {
	o := w.organization(emqx.System())
	key := o.svc.As(o.bearer(o.key(o.rootID, in(nil, emqx.System().Policy.Vocabulary()...)).ID))
	victim, empty := o.account(emqx.ProjectUser), o.without()
	o.unchanged(func() {
		_, _, err := key.CreateAccount(w.Context(), iam.CreateAccountParams{Email: address("new"), Roles: []policy.Role{emqx.Auditor}})
		w.refused(err, iam.ErrForbidden)
		_, _, err = key.SetRoles(w.Context(), victim, emqx.Auditor)
		w.refused(err, iam.ErrForbidden)
		w.refused(second(key.GiveGrant(w.Context(), victim, policy.GrantPermission(emqx.DeploymentView, policy.AtOrg(o.id)))), iam.ErrForbidden)
		w.refused(key.Bind(w.Context(), iam.Binding{Account: victim, Role: emqx.ProjectUser, Project: "p1"}), iam.ErrForbidden)
		w.refused(key.OpenProject(w.Context(), "p1"), iam.ErrForbidden)
		for _, id := range []policy.AccountID{victim, o.rootID, empty} {
			w.refused(second(key.UpdateProfile(w.Context(), id, iam.Profile{Name: "changed"})), iam.ErrForbidden)
			w.refused(key.Manage(w.Context(), id, func(iam.Change) error { return nil }), iam.ErrForbidden)
			w.refused(second(key.Disable(w.Context(), id)), iam.ErrForbidden)
		}
		w.refused(key.Own(w.Context(), func(iam.Change) error { return nil }), iam.ErrForbidden)
		w.refused(second(key.UpdateOrganization(w.Context(), iam.OrganizationParams{Name: "changed"})), iam.ErrForbidden)
		_, _, err = key.CreateAPIKey(w.Context(), iam.APIKeyParams{Scope: in(nil, emqx.DeploymentView)})
		w.refused(err, iam.ErrForbidden)
	})
	equal(w, "it reads what its scope allows", len(must(key.APIKeys(w.Context(), iam.APIKeyQuery{}))(w)), 1)
	w.ok(key.ForgetProject(w.Context(), "p1"))
	narrow := o.svc.As(o.bearer(o.key(o.rootID, in(nil, emqx.DeploymentView)).ID))
	w.refused(second(narrow.Account(w.Context(), o.rootID)), iam.ErrForbidden) // not even about its own account
	w.refused(second(narrow.APIKeys(w.Context(), iam.APIKeyQuery{})), iam.ErrForbidden)
}

func staleKey(w *world) {
	o := w.organization(emqx.System())
	params := iam.APIKeyParams{Scope: in(projects("p1"), emqx.ProjectDelete), Expires: o.clock.now().Add(time.Hour)}
	for name, change := range map[string]func(id iam.APIKeyID){
		"deleted": func(id iam.APIKeyID) { w.ok(o.root().DeleteAPIKey(w.Context(), id)) },
		"narrowed": func(id iam.APIKeyID) {
			must(o.root().UpdateAPIKey(w.Context(), id, iam.APIKeyParams{Scope: in(projects("p2"), emqx.ProjectDelete)}))(w)
		},
		"expired": func(iam.APIKeyID) { o.clock.advance(time.Hour) },
	} {
		params.Expires = o.clock.now().Add(time.Hour)
		admin := o.account(emqx.Administrator)
		k, _, err := o.as(admin).CreateAPIKey(w.Context(), params)
		w.ok(err)
		key := o.svc.As(o.bearer(k.ID))
		change(k.ID)
		if err := key.ForgetProject(w.Context(), "p1"); !errors.Is(err, iam.ErrForbidden) {
			w.Errorf("%s: got the error %v, want ErrForbidden", name, err)
		}
	}
}

func eventsByKey(w *world) {
	o := w.organization(emqx.System())
	k := o.key(o.rootID, in(nil, emqx.ProjectDelete, emqx.AuditLogView))
	key := o.svc.As(o.bearer(k.ID))
	before := o.events()
	w.ok(key.Record(w.Context(), iam.RecordParams{Type: "DeploymentCreated", Target: "d1"}))
	w.ok(key.ForgetProject(w.Context(), "p1"))
	w.refused(second(key.GiveGrant(w.Context(), o.rootID, policy.GrantPermission(emqx.DeploymentView, policy.AtOrg(o.id)))), iam.ErrForbidden)
	err := o.svc.Authorize(o.bearer(k.ID), emqx.Delete, emqx.Deployment.In(o.id, "p1").Named("d1"))
	w.ok(o.svc.RecordDenial(w.Context(), o.bearer(k.ID), err))
	all := must(o.system().Events(w.Context(), iam.EventQuery{Limit: 1000}))(w)
	all = all[:len(all)-len(before)]
	equal(w, "events", len(all) >= 4, true)
	for _, e := range all[:4] {
		if e.Role != "api key "+string(k.ID) || e.Actor != o.rootID || e.Email == "" || e.Reason != "" {
			w.Errorf("got %+v, want one of root's by the key %s", e, k.ID)
		}
	}
	var file bytes.Buffer
	w.ok(o.system().ExportEvents(w.Context(), &file, iam.ExportParams{}))
	equal(w, "the key in the exported log", strings.Contains(file.String(), "api key "+string(k.ID)), true)
	w.wrong(o.root().Record(w.Context(), iam.RecordParams{Type: "api_key.used"}), "Type")
}

func keysDie(w *world) {
	o := w.organization(emqx.System())
	admin, other := o.account(emqx.Administrator), o.account(emqx.Administrator)
	gone, stays := o.key(admin, in(projects("p1"), emqx.DeploymentView)), o.key(other, in(projects("p1", "p2"), emqx.DeploymentView))
	all := o.key(other, in(nil, emqx.DeploymentView))
	o.key(admin, in(nil, emqx.DeploymentView))
	equal(w, "the preview counts", must(o.root().Preview(w.Context(), admin))(w).APIKeys, 2)
	must(o.root().HandOver(w.Context(), iam.HandOverParams{From: admin, To: other, Then: iam.ThenDelete}))(w)
	w.refused(second(o.st.APIKeyRecord(w.Context(), gone.ID)), iam.ErrNotFound)
	equal(w, "keys that stay", len(must(o.root().APIKeys(w.Context(), iam.APIKeyQuery{}))(w)), 2)

	before := o.events()
	w.ok(o.root().ForgetProject(w.Context(), "p1"))
	after := must(o.st.APIKey(w.Context(), o.id, stays.ID))(w)
	same(w, "what is left of its scope", after.Scope.Projects, projects("p2"))
	same(w, "events", saidAll(o.since(before)), []string{`api_key.updated, projects "p1 p2" to "p2"`, "project.forgotten"})
	w.ok(o.root().ForgetProject(w.Context(), "p2"))
	equal(w, "nothing is left", o.svc.Reach(o.bearer(stays.ID), emqx.View, emqx.Deployment).IsNone(), true)
	equal(w, "all projects stay all", o.svc.Reach(o.bearer(all.ID), emqx.View, emqx.Deployment).IsAll(), true)
}

// FuzzParseAPIKey: what is taken for a key has an id that can be stored and a secret of 256 bits, and says so again.
func FuzzParseAPIKey(f *testing.F) {
	token := strings.Repeat("A", 43)
	for _, seed := range []string{"", ".", "id." + token, "id." + token + ".x", "." + token, token, "id." + token[1:], "i\x00d." + token, "a.b." + token} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, parsed := iam.ParseAPIKey(iam.NewSecret(text))
		if parsed.IsZero() != (id == "") {
			t.Errorf("%q: got the id %q and a token that is zero: %t", text, id, parsed.IsZero())
		}
		if !parsed.IsZero() && (string(id)+"."+parsed.Reveal() != text || len(id) > iam.MaxID) {
			t.Errorf("%q: got %q and a token that is another", text, id)
		}
	})
}
