package iam_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// inviting is an organisation that can send invitations.
func (w *world) inviting(system iam.System) *org {
	w.Helper()
	clock := newClock()
	svc := must(iam.New(w.st, system, iam.Config{Now: clock.now, BaseURL: "https://console.example.com"}))(w)
	made := must(svc.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{
		Name: "Acme", Root: &iam.CreateAccountParams{Email: address("root")},
	}))(w)
	return &org{world: w, svc: svc, clock: clock, id: made.ID, rootID: made.Root}
}

func TestImportInvitations(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E8: everybody in the list is invited, with roles, projects and profile", importAll)
		w.run("each mistake is told with its line and field, and keeps nobody else out", importMistakes)
		w.run("a dry run reports what an import would, and keeps nothing", importDry)
		w.run("SB-61, E7: who may not invite, or not give the role, does not by a list", importRefused)
		w.run("a list of several transactions keeps what was invited before it breaks", importBroken)
	})
}

// imported is the report on a list, a line each.
func (o *org) imported(a iam.Actor, list string, params iam.ImportParams) ([]iam.ImportedLine, iam.ImportSummary, error) {
	o.Helper()
	var lines []iam.ImportedLine
	params.Report = func(l iam.ImportedLine) error {
		lines = append(lines, l)
		return nil
	}
	summary, err := a.ImportInvitations(o.Context(), strings.NewReader(list), params)
	return lines, summary, err
}

func importAll(w *world) {
	o := w.inviting(emqx.System())
	uma, otto := address("uma"), address("otto")
	list := "\ufeffEmail,Roles,Projects,Name,Username,Phone,Company,Note\r\n" +
		strings.ToUpper(uma) + `,project_user project_admin,p1 p2,"Uma, the first",uma,+49 30 1,Acme,"two` + "\n" + `lines"` + "\r\n" +
		otto + ",auditor,,,,,,\r\n"
	lines, summary, err := o.imported(o.root(), list, iam.ImportParams{})
	w.ok(err)
	equal(w, "the summary", summary, iam.ImportSummary{Invited: 2, LastLine: 4})
	equal(w, "the first line", lines[0].Line, 2)
	equal(w, "the second line", lines[1].Line, 4) // a field of the first has two lines
	one := o.get(lines[0].Invitation.Account)
	equal(w, "address", string(one.Email), uma)
	equal(w, "status", one.Status, iam.Pending)
	equal(w, "name", one.Name, "Uma, the first")
	equal(w, "note", one.Note, "two\nlines")
	same(w, "roles", one.Roles, []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser})
	equal(w, "bindings", len(must(o.root().Bindings(o.Context(), one.ID))(w)), 4)
	same(w, "warnings of who is bound", lines[0].Warnings, nil)
	equal(w, "the end of the invitation", lines[0].Invitation.Expires.Equal(o.clock.now().Add(time.Hour)), true)
	equal(w, "mails", len(must(o.root().Mails(o.Context(), iam.MailQuery{}))(w)), 2)
}

func importMistakes(w *world) {
	o := w.inviting(emqx.System())
	good, taken := address("good"), o.create(iam.CreateAccountParams{Email: address("taken"), Roles: []policy.Role{emqx.Auditor}}).Email
	root := o.get(o.rootID).Email
	rows := []struct{ row, field string }{
		{good + ",auditor,", ""},
		{"no address,auditor,", "Email"},
		{",auditor,", "Email"},
		{strings.ToUpper(good) + ",auditor,", "Email"}, // a second time
		{string(taken) + ",auditor,", "Email"},
		{string(root) + ",auditor,", "Email"}, // E11
		{address("a") + ",,", "Roles"},
		{address("a") + ",cook,", "Roles"},
		{address("a") + ",root,", "Roles"},
		{address("a") + ",auditor,p1", "projects"},
		{address("a") + ",project_user," + strings.Repeat("p", iam.MaxID+1), "Project"},
		{address("a") + ",auditor", "line"},
		{address("a") + "," + strings.Repeat("auditor ", 101) + ",", "roles"},
		{address("a") + ",project_user project_admin," + strings.Repeat("p ", 501), "projects"},
		{address("last") + ",accountant,", ""},
	}
	var list strings.Builder
	list.WriteString("email,roles,projects\n")
	for _, r := range rows {
		list.WriteString(r.row + "\n")
	}
	lines, summary, err := o.imported(o.root(), list.String(), iam.ImportParams{File: "people.csv"})
	w.ok(err)
	equal(w, "the summary", summary, iam.ImportSummary{Invited: 2, Refused: 13, LastLine: 16})
	for i, r := range rows {
		got := lines[i]
		equal(w, "line", got.Line, i+2)
		if r.field == "" {
			w.ok(got.Err)
			continue
		}
		w.wrong(got.Err, r.field)
		var about *iam.LineError
		if !errors.As(got.Err, &about) || about.Line != i+2 || !strings.HasPrefix(got.Err.Error(), fmt.Sprintf("people.csv:%d: ", i+2)) {
			w.Errorf("the mistake in line %d does not name it: %v", i+2, got.Err)
		}
	}
	equal(w, "accounts", len(must(o.root().Accounts(o.Context(), iam.AccountQuery{}))(w)), 4)

	for name, list := range map[string]string{
		"an empty list":      "",
		"no column roles":    "email\n",
		"an unknown column":  "email,roles,shoes\n",
		"a column twice":     "email,roles,Email\n",
		"a quote in a field": "email,roles\n\"a\"b,c\n",
		"names without end":  strings.Repeat("email,", iam.MaxImportLine),
	} {
		_, _, err := o.imported(o.root(), list, iam.ImportParams{})
		var about *iam.LineError
		if !errors.As(err, &about) || !errors.Is(err, iam.ErrInvalid) {
			w.Errorf("%s: got %v, want a LineError", name, err)
		}
	}
	ended := errors.New("enough")
	_, err = o.root().ImportInvitations(o.Context(), strings.NewReader("email,roles\nx,y\n"), iam.ImportParams{Report: func(iam.ImportedLine) error { return ended }})
	w.refused(err, ended)
}

func importDry(w *world) {
	o := w.inviting(emqx.System())
	list := "email,roles\n" + address("uma") + ",project_user\nnobody,auditor\n"
	var dry []iam.ImportedLine
	o.unchanged(func() {
		var summary iam.ImportSummary
		var err error
		dry, summary, err = o.imported(o.root(), list, iam.ImportParams{DryRun: true})
		w.ok(err)
		equal(w, "the summary", summary, iam.ImportSummary{Invited: 1, Refused: 1, LastLine: 3})
	})
	real, _, err := o.imported(o.root(), list, iam.ImportParams{})
	w.ok(err)
	for i := range dry {
		equal(w, "error", fmt.Sprint(dry[i].Err), fmt.Sprint(real[i].Err))
		same(w, "warnings", dry[i].Warnings, real[i].Warnings)
	}
	same(w, "warnings", dry[0].Warnings, []iam.Warning{iam.ProjectsNeeded})
}

func importRefused(w *world) {
	o := w.inviting(emqx.System())
	list := "email,roles\n" + address("uma") + ",auditor\n"
	for _, role := range []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser, emqx.Accountant, emqx.Auditor} {
		id := o.account(role)
		o.unchanged(func() {
			_, _, err := o.imported(o.as(id), list, iam.ImportParams{})
			w.refused(err, iam.ErrForbidden)
		})
	}
	_, err := iam.Actor{}.ImportInvitations(o.Context(), strings.NewReader(list), iam.ImportParams{})
	w.refused(err, iam.ErrForbidden)
}

func importBroken(w *world) {
	o := w.inviting(emqx.System())
	var list strings.Builder
	list.WriteString("email,roles\n")
	for i := range 260 {
		fmt.Fprintf(&list, "%s,auditor\n", address(fmt.Sprint("a", i)))
	}
	list.WriteString("x\"y,auditor\n")
	lines, summary, err := o.imported(o.root(), list.String(), iam.ImportParams{})
	var about *iam.LineError
	if !errors.As(err, &about) || about.Line != 262 {
		w.Errorf("got %v, want a mistake in line 262", err)
	}
	equal(w, "the summary", summary, iam.ImportSummary{Invited: 260, LastLine: 261})
	equal(w, "reports", len(lines), 260)
	equal(w, "mails", len(must(o.root().Mails(o.Context(), iam.MailQuery{Limit: 1000}))(w)), 260)

	// The same list again: everybody is there.
	again, _, _ := o.imported(o.root(), list.String(), iam.ImportParams{})
	equal(w, "taken", slices.ContainsFunc(again, func(l iam.ImportedLine) bool { return l.Err == nil }), false)
}

func FuzzImportInvitations(f *testing.F) {
	f.Add("email,roles\nann@example.com,auditor\n")
	f.Add("email,roles,projects\n\"a\nb\",project_user,p1 p2\n,,\n")
	f.Add("\ufeffemail,roles\r\n\"\"\"\",\r\n")
	svc, err := iam.New(away{}, emqx.System(), iam.Config{BaseURL: "https://console.example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, list string) {
		_, err := svc.System("fuzz").In("acme").ImportInvitations(t.Context(), strings.NewReader(list), iam.ImportParams{})
		var about *iam.LineError
		if err != nil && !errors.Is(err, errAway) && !errors.As(err, &about) {
			t.Errorf("got %v, want a mistake with its line", err)
		}
	})
}

// away is a store that cannot be reached.
type away struct{ iam.Store }

var errAway = errors.New("the database is away")

func (away) Write(context.Context, policy.OrgID, func(iam.Tx) error) error { return errAway }

// The list of 10,000 is made as it is read, so that its own size is not measured.
func BenchmarkImport10000(b *testing.B) {
	const people = 10_000
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			svc, err := iam.New(store.New(testdb.Open(b, database)), emqx.System(), iam.Config{BaseURL: "https://console.example.com"})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for range b.N {
				org, err := svc.System("bench").CreateOrganization(b.Context(), iam.CreateOrganizationParams{})
				if err != nil {
					b.Fatal(err)
				}
				list, write := io.Pipe()
				go func() {
					fmt.Fprintln(write, "email,roles,projects")
					for i := range people {
						fmt.Fprintf(write, "a%d@example.com,project_user,p%d\n", i, i%100)
					}
					write.Close()
				}()
				summary, err := svc.System("bench").In(org.ID).ImportInvitations(b.Context(), list, iam.ImportParams{})
				if err != nil || summary.Invited != people {
					b.Fatal(summary, err)
				}
			}
			b.ReportMetric(people*float64(b.N)/b.Elapsed().Seconds(), "invitations/s")
		})
	}
}
