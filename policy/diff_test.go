package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

const cars = `p4, boss, Boss
p4, clerk, Clerk
p2, boss, clerk
p3, car, view, Cars, Cars
p3, car, drive, Cars, Cars
p, boss, org, car, view, allow, always
p, boss, org, car, drive, allow, always
p, clerk, project, car, view, allow, always
p, clerk, own, car, view, allow, archived
p, clerk, own, car, drive, deny, always
`

func TestDiffNamesEveryChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		edits []string // old, new, old, new, …
		want  []string
	}{
		{"nothing", nil, nil},
		{"a comment and a title", []string{"p4, boss, Boss", "# the boss\np4, boss, The boss", "Cars, Cars", "Vehicles, Cars"}, nil},
		{"the order of rules", []string{
			"p, clerk, project, car, view, allow, always\np, clerk, own, car, view, allow, archived\n",
			"p, clerk, own, car, view, allow, archived\np, clerk, project, car, view, allow, always\n"}, nil},
		{"a rule comes", []string{"p, clerk, own, car, drive, deny, always", "p, clerk, own, car, drive, deny, always\np, clerk, org, car, drive, allow, always"},
			[]string{"~ clerk car:drive: deny own -> deny own, org"}},
		{"a rule goes", []string{"p, boss, org, car, drive, allow, always\n", ""}, []string{"- boss car:drive: org"}},
		{"a rule reaches further", []string{"clerk, project", "clerk, org"}, []string{"~ clerk car:view: own if archived, project -> org, own if archived"}},
		{"another condition", []string{"allow, archived", "allow, tiny"}, []string{"~ clerk car:view: own if archived, project -> own if tiny, project"}},
		{"an effect", []string{"drive, deny", "drive, allow"}, []string{"~ clerk car:drive: deny own -> own"}},
		{"a role comes", []string{"p4, clerk, Clerk\n", "p4, clerk, Clerk\np4, spy, Spy\n"}, []string{"+ spy: role"}},
		{"a role goes", []string{
			"p4, clerk, Clerk\n", "", "p2, boss, clerk\n", "", "p, clerk, project, car, view, allow, always\n", "",
			"p, clerk, own, car, view, allow, archived\n", "", "p, clerk, own, car, drive, deny, always\n", "",
		}, []string{"- boss: may give clerk", "- clerk: role", "- clerk car:view: own if archived, project", "- clerk car:drive: deny own"}},
		{"a gift goes", []string{"p2, boss, clerk\n", ""}, []string{"- boss: may give clerk"}},
		{"a gift comes", []string{"p2, boss, clerk\n", "p2, boss, clerk\np2, clerk, clerk\n"}, []string{"+ clerk: may give clerk"}},
		{"a permission comes", []string{"p, boss, org, car, view", "p3, car, sell, Cars, Sell\np, boss, org, car, sell, allow, always\np, boss, org, car, view"},
			[]string{"+ boss car:sell: org"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, after := compile(t, cars), compile(t, strings.NewReplacer(tt.edits...).Replace(cars))
			if got := print(before.Diff(after)); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			// The other way round it is the same changes, turned.
			for _, c := range after.Diff(before) {
				c.Before, c.After = c.After, c.Before
				if !slices.Contains(tt.want, c.String()) {
					t.Errorf("backwards there is %q", c)
				}
			}
		})
	}
}

func print(changes []policy.Change) []string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	return lines
}

// The two editions of EMQX: what a host that moves from one to the other has to tell its customers.
func TestDiffOfTheTwoEditions(t *testing.T) {
	t.Parallel()
	legacy, current := shipped()[1].load(t), shipped()[0].load(t)
	changes := print(legacy.Diff(current))
	for _, want := range []string{
		"- project_admin deployment:change_plan: project",
		"+ project_user deployment.nat_gateway:view: project",
		"+ auditor audit_log:view: org",
	} {
		if !slices.Contains(changes, want) {
			t.Errorf("the changes lack %q", want)
		}
	}
	if again := print(current.Diff(current)); len(again) != 0 {
		t.Errorf("a policy differs from itself: %q", again)
	}
}

// Two policies of one version decide alike: whatever can change a decision changes the version.
func TestVersionChangesWithDecisions(t *testing.T) {
	t.Parallel()
	base := compile(t, cars)
	if again := compile(t, cars); again.Version() != base.Version() {
		t.Error("the same text has two versions")
	}
	for _, quiet := range []string{"# more\n" + cars, strings.ReplaceAll(cars, ", ", ","), "\uFEFF" + strings.ReplaceAll(cars, "\n", "\r\n")} {
		if compile(t, quiet).Version() != base.Version() {
			t.Errorf("%.20q has another version, with the same rows", quiet)
		}
	}
	seen := map[string]string{base.Version(): "base"}
	for _, edit := range []string{"clerk, project|clerk, org", "allow, archived|allow, tiny", "p2, boss, clerk|p2, clerk, clerk", "drive, deny|drive, allow", "p4, clerk, Clerk|p4, clerk, Clerk\np4, spy, Spy"} {
		old, new, _ := strings.Cut(edit, "|")
		v := compile(t, strings.Replace(cars, old, new, 1)).Version()
		if before, taken := seen[v]; taken || len(v) != 16 {
			t.Errorf("%q has the version %q of %q", edit, v, before)
		}
		seen[v] = edit
	}
	other, err := policy.Load("test.csv", []byte(cars), policy.Config{Conditions: denying().conditions, Model: edited(t, `r.kind == p.kind &&`, `true && r.kind == p.kind &&`)})
	if err == nil && other.Version() == base.Version() {
		t.Error("another model has the same version")
	}
	if err != nil {
		t.Error(err)
	}
}
