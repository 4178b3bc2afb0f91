package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// sound is a policy without a mistake, on lines 1 to 7; the tests write one wrong line behind it.
const sound = `p4, root, Root
p4, clerk, Clerk
p3, car, view, Cars, Cars
p3, car.wheel, turn, Cars, Wheels
p2, root, clerk
p, root, org, car, view, allow, always
p, clerk, project, car, view, deny, always
`

// Rows that are well-formed and make no sense are mistakes with their line, and a hint where one is near.
func TestRowsWithoutSenseAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"an unknown role", "p, boss, org, car, view, allow, always", `unknown role "boss": no p4 row declares it`},
		{"a misspelled role", "p, clrek, org, car, view, allow, always", `unknown role "clrek": no p4 row declares it (did you mean clerk?)`},
		{"an unknown granter", "p2, boss, clerk", `unknown role "boss"`},
		{"an unknown role to give", "p2, root, boss", `unknown role "boss"`},
		{"an unknown reach", "p, clerk, all, car, view, allow, always", `unknown reach "all": want org, project or own`},
		{"a wildcard reach", "p, clerk, *, car, view, allow, always", `unknown reach "*": want org, project or own`},
		{"an unknown kind", "p, clerk, org, bike, view, allow, always", `unknown kind "bike": no p3 row declares it`},
		{"a wildcard kind", "p, clerk, org, *, view, allow, always", `unknown kind "*": no p3 row declares it`},
		{"a misspelled kind", "p, clerk, org, car.whel, turn, allow, always", `unknown kind "car.whel": no p3 row declares it (did you mean car.wheel?)`},
		{"an unknown action", "p, clerk, org, car, manage, allow, always", `unknown action "manage" of kind car: no p3 row declares it`},
		{"an action of another kind", "p, clerk, org, car, turn, allow, always", `unknown action "turn" of kind car: no p3 row declares it`},
		{"a misspelled action", "p, clerk, org, car, veiw, allow, always", `unknown action "veiw" of kind car: no p3 row declares it (did you mean view?)`},
		{"an unknown effect", "p, clerk, org, car, view, Allow, always", `unknown effect "Allow": want allow or deny`},
		{"an unknown condition", "p, clerk, org, car, view, allow, premium", `unknown condition "premium": want always, archived`},
		{"a misspelled condition", "p, clerk, org, car, view, allow, archivd", `(did you mean archived?)`},
		{"a rule twice", "p, root, org, car, view, allow, always", "rule root, org, car, view, allow, always is already on line 6"},
		{"a rule and its opposite", "p, root, org, car, view, deny, always", "the rule contradicts line 6, which has the effect allow"},
		{"an opposite and its rule", "p, clerk, project, car, view, allow, always", "the rule contradicts line 7, which has the effect deny"},
		{"a role twice", "p4, clerk, Another clerk", "role clerk is already on line 2"},
		{"a permission twice", "p3, car, view, Other, Other", "permission car, view is already on line 3"},
		{"a gift twice", "p2, root, clerk", "gift root, clerk is already on line 5"},
		{"a role in upper case", "p4, Boss, Boss", `role "Boss": want lower-case letters`},
		{"a role like a subject of Casbin", "p4, account:ann, Ann", `role "account:ann": want lower-case letters`},
		{"a role like a permission", "p4, car:view, Viewer", `role "car:view": want lower-case letters`},
		{"a role that starts with a digit", "p4, 2nd, Second", `role "2nd": want lower-case letters`},
		{"a role that is too long", "p4, " + strings.Repeat("a", 65) + ", A", "role"},
		{"a custom role of nobody", "p4, boss@, Boss", `role "boss@": want lower-case`},
		{"a custom role that is not escaped", "p4, boss@a/b, Boss", `role "boss@a/b": want lower-case`},
		{"a custom role that is escaped in another way", "p4, boss@%61, Boss", `role "boss@%61": want lower-case`},
		{"a custom role with a broken escape", "p4, boss@%, Boss", `role "boss@%": want lower-case`},
		{"a kind in upper case", "p3, Car, view, Cars, Cars", `kind "Car": want lower-case words joined by dots`},
		{"a kind with an empty part", "p3, car., view, Cars, Cars", `kind "car.": want lower-case words joined by dots`},
		{"a kind with a colon", "p3, car:wheel, view, Cars, Cars", `kind "car:wheel": want lower-case words joined by dots`},
		{"an action with a dot", "p3, car, view.all, Cars, Cars", `action "view.all": want lower-case letters`},
		{"a wildcard action", "p3, car, *, Cars, Cars", `action "*": want lower-case letters`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := policy.Load("x.csv", []byte(sound+tt.line+"\n"), policy.Config{Conditions: denying().conditions})
			if p != nil || err == nil || !strings.HasPrefix(err.Error(), "x.csv:8: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant x.csv:8: … %s", err, tt.want)
			}
		})
	}
	if _, err := policy.Load("x.csv", []byte(sound), policy.Config{}); err != nil {
		t.Errorf("without a wrong line: %v", err)
	}
}

// One run shows every mistake of a file, malformed lines and senseless ones, in the order of its lines.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	const text = `p4, root, Root
p9, what
p, boss, everywhere, car, view, maybe, never
p3, car, view , Cars, Cars
p2, root
p4, root, Root again
p, root, org, bike, view, allow, always
`
	_, err := policy.Load("x.csv", []byte(text), policy.Config{})
	var wrong policy.Mistakes
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v", err)
	}
	var lines []int
	for _, m := range wrong {
		lines = append(lines, m.Line)
	}
	if want := []int{2, 3, 3, 3, 3, 3, 4, 5, 6, 7}; !slices.Equal(lines, want) {
		t.Errorf("got mistakes on the lines %v, want %v:\n%v", lines, want, err)
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != len(wrong) {
		t.Errorf("the error has %d lines, want %d: one for each mistake", n, len(wrong))
	}
}

// A mistake in one of several documents names that document; a declaration in another one is found.
func TestMistakesNameTheirDocument(t *testing.T) {
	t.Parallel()
	read := func(name, text string) *policy.Document {
		doc, err := policy.ReadDocument(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	first := read("first.csv", sound)
	_, err := policy.Compile(policy.Config{}, first, read("second.csv", "\n\np4, root, Root\np, clerk, org, car, view, allow, always\n"))
	if want := "second.csv:3: role root is already on line 1 of first.csv"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	p, err := policy.Compile(policy.Config{}, read("second.csv", "p, clerk, org, car, view, allow, always\n"), first)
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Rules()[0]; r.File != "second.csv" || r.Line != 1 {
		t.Errorf("got %s:%d", r.File, r.Line)
	}
	if m := (policy.Mistake{File: "x.csv", Text: "empty"}); m.String() != "x.csv: empty" {
		t.Errorf("a mistake without a line prints as %q", m)
	}
}

// A condition that cannot be asked is refused before any row is.
func TestConditionsAreChecked(t *testing.T) {
	t.Parallel()
	yes := func(policy.Values) bool { return true }
	tests := []struct {
		name       string
		conditions []policy.Condition
		want       string
	}{
		{"no name", []policy.Condition{{Needs: []string{"a"}, Holds: yes}}, `condition "": a name is`},
		{"a bad name", []policy.Condition{{Name: "Is Premium", Needs: []string{"a"}, Holds: yes}}, `condition "Is Premium": a name is`},
		{"the name of none", []policy.Condition{{Name: "always", Needs: []string{"a"}, Holds: yes}}, `condition "always": the name is taken`},
		{"a name twice", []policy.Condition{policy.OneOf("x", "a"), policy.OneOf("x", "b")}, `condition "x": the name is taken`},
		{"no predicate", []policy.Condition{{Name: "x", Needs: []string{"a"}}}, `condition "x": Holds is nil`},
		{"no needs", []policy.Condition{{Name: "x", Holds: yes}}, `condition "x": Needs must name`},
		{"an empty need", []policy.Condition{{Name: "x", Needs: []string{"a", ""}, Holds: yes}}, `condition "x": Needs must name`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Load("x.csv", []byte(sound), policy.Config{Conditions: tt.conditions})
			if err == nil || !strings.HasPrefix(err.Error(), "policy: "+tt.want) {
				t.Errorf("got %v, want policy: %s", err, tt.want)
			}
		})
	}
}

func TestMustPanicsWithTheMistakes(t *testing.T) {
	t.Parallel()
	defer func() {
		if wrong, ok := recover().(policy.Mistakes); !ok || len(wrong) != 1 {
			t.Errorf("got %v, want the mistakes", wrong)
		}
	}()
	policy.Must(policy.Load("x.csv", []byte("p5"), policy.Config{}))
}
