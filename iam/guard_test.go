package iam_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// asker is somebody who calls the methods: a column of the golden file.
type asker struct {
	name  string
	actor iam.Actor
	id    policy.AccountID
}

// askers are the zero actors, an account for every role, and those who lost theirs meanwhile.
func (g guarded) askers(o *org) []asker {
	o.Helper()
	nothing := o.without()
	all := []asker{
		{name: "zero"},
		{name: "nobody", actor: o.svc.As(iam.Subject{})},
		{name: "nothing", actor: o.as(nothing), id: nothing},
		{name: "*" + string(g.system.Rules.RootRole), actor: o.root(), id: o.rootID},
	}
	for _, role := range g.system.Policy.Roles() {
		if role == g.system.Rules.RootRole && !slices.Contains(g.system.Policy.Gives(role), role) {
			continue // nobody else can hold it
		}
		id := o.account(role)
		if slices.Contains(g.bound, role) {
			o.bind(id, role, "p1")
		}
		all = append(all, asker{string(role), o.as(id), id})
	}
	delegate := o.account(g.least)
	for _, p := range g.permissions() {
		must(o.system().GiveGrant(o.Context(), delegate, policy.GrantPermission(p, policy.AtOrg(o.id))))(o)
	}
	all = append(all, asker{"delegate", o.as(delegate), delegate})
	strong := o.account(g.strong)
	all = append(all, asker{"key", g.byKey(o, strong), strong})

	was := func(name string, then func(id policy.AccountID) error) {
		id := o.account(g.strong)
		actor := o.as(id)
		o.ok(then(id))
		all = append(all, asker{name, actor, id})
	}
	was("demoted", func(id policy.AccountID) error {
		_, _, err := o.system().SetRoles(o.Context(), id, g.least)
		return err
	})
	was("disabled", func(id policy.AccountID) error { return second(o.system().Disable(o.Context(), id)) })
	was("deleted", func(id policy.AccountID) error { return o.system().Delete(o.Context(), id) })

	off := o.account(g.strong)
	must(o.system().Disable(o.Context(), off))(o)
	return append(all, asker{"inactive", o.as(off), off}, asker{name: "system", actor: o.system()})
}

// permissions are those that the system's rules name, each once.
func (g guarded) permissions() []policy.Permission {
	p := g.system.Rules.Permissions
	all := []policy.Permission{p.ListAccounts, p.ManageAccounts, p.ChangeRoles, p.GiveGrants, p.BindProjects, p.ForgetProjects, p.ReadEvents, p.ListKeys, p.ManageKeys}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(p policy.Permission) bool { return p == "" })
}

// outcome is what a call came to, in a word.
func outcome(err error) string {
	var field *iam.FieldError
	switch {
	case err == nil:
		return "yes"
	case errors.Is(err, iam.ErrForbidden):
		return "-"
	case errors.Is(err, iam.ErrNotFound):
		return "not_found"
	case errors.Is(err, iam.ErrRoot):
		return "err_root"
	case errors.Is(err, iam.ErrLastAdministrator):
		return "err_last"
	case errors.As(err, &field):
		return "bad_" + field.Field
	default:
		return fmt.Sprintf("%q", err)
	}
}

// ask calls the method, and checks that what is refused has changed nothing, and is in the log when it
// is known who asked (SB-80).
func (o *org) ask(m aimed, a asker, x target) (answer string, changed bool) {
	o.Helper()
	before := o.happened()
	answer = outcome(m.call(inOrg(o), a.actor, x))
	after := o.happened()
	changed = after.Revision != before.Revision || after.Done != before.Done
	if changed && answer != "yes" {
		o.Errorf("a call by %s was refused with %s, and something happened", a.name, answer)
	}
	denied := int64(0)
	if answer == "-" && (a.id != "" || a.name == "system") {
		denied = 1
	}
	if got := after.Denied - before.Denied; got != denied {
		o.Errorf("a call by %s was answered with %s: got %d events of a refusal, want %d", a.name, answer, got, denied)
	}
	return answer, changed
}

// happened counts what was committed in the organisation.
type happened struct {
	Revision int64 // Writes
	Done     int64 // events of what happened, also in a WriteAside
	Denied   int64 // events of refusals
}

func (o *org) happened() happened {
	o.Helper()
	var all happened
	o.ok(o.db.WithContext(o.Context()).Raw(`SELECT revision, log_count AS done,
  (SELECT COUNT(*) FROM iam_events WHERE org_id = ? AND type = ?) AS denied
FROM iam_organizations WHERE id = ?`, o.id, iam.AuthorizationDenied, o.id).Scan(&all).Error)
	all.Done -= all.Denied
	return all
}

// whoMay is the table of all methods and askers: on a target that a sub-account of the least role is.
func (g guarded) whoMay(o *org) string {
	o.Helper()
	methods, askers := g.methods(), g.askers(o)
	return drawn(g.system.Name, slices.Sorted(maps.Keys(methods)), askers, func(method string) []string {
		m := methods[method]
		x := g.target(o, method)
		var row []string
		for _, a := range askers {
			answer, changed := o.ask(m, a, x)
			row = append(row, answer)
			if changed {
				x = g.target(o, method)
			}
		}
		return row
	})
}

// drawn writes a table for people, whose columns are the askers.
func drawn(title string, rows []string, askers []asker, row func(name string) []string) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	names := make([]string, len(askers))
	for i, a := range askers {
		names[i] = a.name
	}
	fmt.Fprintf(w, "%s\t%s\n", title, strings.Join(names, "\t"))
	for _, name := range rows {
		fmt.Fprintf(w, "%s\t%s\n", name, strings.Join(row(name), "\t"))
	}
	w.Flush()
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestGuard holds what every method answers to everybody against testdata/guard.golden, which says
// how to read it. SB-60 to SB-62, SB-64, SB-67.
func TestGuard(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/guard.golden")
	if err != nil {
		t.Fatal(err)
	}
	legend, want, _ := strings.Cut(string(golden), "\n\n")
	eachDatabase(t, func(w *world) {
		sections := make([]string, 2*len(guardedSystems()))
		w.Run("ask", func(t *testing.T) { // returns when its parallel subtests have
			for i, g := range guardedSystems() {
				newWorld(t, w.db).run(g.system.Name, func(w *world) {
					o := w.organization(g.system)
					sections[2*i] = g.whoMay(o)
					sections[2*i+1] = g.whatIsHit(o)
				})
			}
		})
		got := strings.Join(sections, "\n")
		switch {
		case *update && w.db.Name() == testdb.SQLite:
			w.ok(os.WriteFile("testdata/guard.golden", []byte(legend+"\n\n"+got), 0o644))
		case !*update && got != want:
			w.Errorf("testdata/guard.golden (rewrite it with -update, and review it):\n%s", difference(want, got))
		}
	})
}

// The zero SystemActor makes nothing, and hands out no actor that may.
func TestGuardZeroSystemActor(t *testing.T) {
	t.Parallel()
	var zero iam.SystemActor
	if _, err := zero.CreateOrganization(t.Context(), iam.CreateOrganizationParams{}); !errors.Is(err, iam.ErrForbidden) {
		t.Errorf("CreateOrganization: got %v, want ErrForbidden", err)
	}
	for name, m := range guardedSystems()[0].methods() {
		if err := m.call(t.Context(), zero.In("acme"), target{account: "a", project: "p", grant: "g"}); !errors.Is(err, iam.ErrForbidden) {
			t.Errorf("%s: got %v, want ErrForbidden", name, err)
		}
	}
}
