package signin_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store/testdb"
)

// row is a question to a system about its members, whose answer is what happens in a new organisation.
type row struct {
	asks   string
	answer func(o *org) string
	ids    string // of the requirements that say so
}

// story is the life of a member in its order, from who may invite it to who takes over from root. Up to the
// roles, the functions are in systems_joining_test.go, and from there on in systems_life_test.go.
var story = []row{
	{"who invites a member", whoInvites, "E7 L2 D1"},
	{"root's role for a sub-account", rootsRole, "E2 L1 D1"},
	{"who chooses the first password", firstPassword, "E8 L5"},
	{"“Bay 7 lamps!” as a password", takesPassword("Bay 7 lamps!"), "L5 SB-01"},
	{"“quiet lantern over bay” as one", takesPassword("quiet lantern over bay"), "L5 SB-02"},
	{"how long the link holds", linkHolds, "E9 L6 SB-14"},
	{"sent again, the earlier link dead", resent, "D6 SB-15"},
	{"expired, and invited anew", invitedAnew, "L6 SB-A8"},
	{"the stage of the first session", firstStage, "E8 L5 SB-10"},
	{"who signs in at the address of all", signsInAt(false), "E10"},
	{"who signs in at the organisation's", signsInAt(true), "E10"},
	{"a member's address elsewhere", addressElsewhere, "E11 L4"},
	{"a member's address as a root's", addressAsRoot, "E11 L4"},
	{"root's address elsewhere", rootsAddress, "E11 L4"},
	{"a second role for a member", secondRole, "E1 L1 D4"},
	{"roles that are bound to projects", boundRoles, "E5 E6"},
	{"kinds with a quota", quotas, "D5"},
	{"a change of roles is felt", rolesFelt, "L10 SB-44"},
	{"second factor required, session needs", requiredFactor, "L8 SB-52"},
	{"a member removes its second factor", ownFactor, "SB-51"},
	{"who removes a member's second factor", whoResetsFactor, "SB-51"},
	{"who sets a member's password", whoSetsPassword, "E12 SB-10"},
	{"who sends a link in place of that", whoSendsReset, "E12 SB-10"},
	{"disabled, enabled again", disabledEnabled, "E13 L7 SB-38"},
	{"deleted, and invited again", deletedInvited, "E14 L6 SB-A8"},
	{"who reads the log", whoReads, "E17 L11"},
	{"who exports it", whoExports, "SB-85"},
	{"who makes API keys", whoMakesKeys, "E18"},
	{"who sets the own mail server", whoSetsMail, "D3"},
	{"who sees the own mail server", whoSeesMail, "D3"},
	{"who pays for what a member makes", whoPays, "L9"},
	{"who disables root", whoDisablesRoot, "E2 D1"},
	{"no root: the last administrator", lastAdministrator, "E2"},
	{"root hands over, and is then", rootBecomes, "SB-66"},
}

// TestSystems tells one story under the three systems, side by side: E1 to E18, L1 to L10, D1 to D6. What differs
// between them is what people choose a system for, so that it is a golden file.
func TestSystems(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		const golden = "testdata/systems.golden"
		got := w.told()
		if signin.Update() {
			if w.db.Name() == testdb.SQLite { // the others are held against it without -update
				w.ok(os.WriteFile(golden, []byte(got), 0o644))
			}
			return
		}
		want, err := os.ReadFile(golden)
		w.ok(err)
		if got != string(want) {
			w.Errorf("%s is not what the systems do: go test ./iam/signin -update, and review the difference\n- %s\n+ %s",
				golden, linesNotIn(string(want), got), linesNotIn(got, string(want)))
		}
	})
}

// told asks every question of every system, and returns the answers as a table: first those that differ, and behind
// an empty line those that all give.
func (w *world) told() string {
	w.Helper()
	systems := []iam.System{emqx.System(), lanit.System(), devicehub.System()}
	orgs := make([]*org, len(systems))
	for i, system := range systems {
		orgs[i] = w.organization(system)
	}
	differ, agree := [][]string{{"", "EMQX Platform", "LANIT Cloud IAM", "DeviceHub", "requirements"}}, [][]string{nil}
	for _, r := range story {
		cells := []string{r.asks}
		for _, o := range orgs {
			cells = append(cells, r.answer(o.sibling()))
		}
		same := len(slices.Compact(slices.Clone(cells[1:]))) == 1
		if cells = append(cells, r.ids); same {
			agree = append(agree, cells)
		} else {
			differ = append(differ, cells)
		}
	}
	return aligned(append(differ, agree...))
}

// aligned sets a table for people: columns of equal width, lines without blanks at the end.
func aligned(table [][]string) string {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, cells := range table {
		var line strings.Builder
		for i, cell := range cells {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		fmt.Fprintln(&b, strings.TrimRight(line.String(), " "))
	}
	return b.String()
}
