package main

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// names generates from p3 and p4 rows, and returns for each value its identifier.
func names(t *testing.T, rows ...string) (map[string]string, error) {
	t.Helper()
	dir := t.TempDir()
	csv := writeFile(t, dir, "policy.csv", strings.Join(rows, "\n")+"\n")
	v, err := read(dir, []string{csv})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.nameAll("TestVocabulary"); err != nil {
		return nil, err
	}
	got := make(map[string]string)
	for _, list := range v.constants {
		for _, c := range list {
			got[c.String()] = c.name
		}
	}
	return got, nil
}

func TestCollisionsAreSettledByTheSuffixOfTheLaterClass(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rows []string
		want map[string]string
	}{
		"a role yields to a kind": {
			[]string{"p4, billing, B", "p3, billing, view, S, T"},
			map[string]string{"kind billing": "Billing", "role billing": "BillingRole"},
		},
		"an action yields to a kind": {
			[]string{"p3, export, export, S, T"},
			map[string]string{"kind export": "Export", "action export": "ExportAction", "permission export:export": "ExportExport"},
		},
		"a role yields to an action": {
			[]string{"p4, view, V", "p3, order, view, S, T"},
			map[string]string{"action view": "View", "role view": "ViewRole"},
		},
		"a permission yields to a kind": {
			[]string{"p3, settings, mail, S, T", "p3, settings.mail, view, S, T"},
			map[string]string{"kind settings.mail": "SettingsMail", "permission settings:mail": "SettingsMailPermission"},
		},
		"a permission yields to a role": {
			[]string{"p4, order_view, V", "p3, order, view, S, T"},
			map[string]string{"role order_view": "OrderView", "permission order:view": "OrderViewPermission"},
		},
		"a permission yields to a role that yielded": {
			[]string{"p4, x, X", "p3, x, role, S, T"},
			map[string]string{"kind x": "X", "role x": "XRole", "permission x:role": "XRolePermission"},
		},
		"a kind yields to the generated test": {
			[]string{"p3, test.vocabulary, view, S, T"},
			map[string]string{"kind test.vocabulary": "TestVocabularyKind"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := names(t, test.rows...)
			if err != nil {
				t.Fatal(err)
			}
			for value, want := range test.want {
				if got[value] != want {
					t.Errorf("%s is %q, want %s", value, got[value], want)
				}
			}
		})
	}
}

func TestCollisionsThatCannotBeSettledAreMistakes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rows []string
		want string
	}{
		"two kinds":                    {[]string{"p3, a.b, view, S, T", "p3, a_b, view, S, T"}, "policy.csv:2: the kind a_b would be AB, as the kind a.b: rename one of them"},
		"two actions":                  {[]string{"p3, a, tier_1, S, T", "p3, a, tier1, S, T"}, "policy.csv:2: the action tier1 would be Tier1, as the action tier_1: rename one of them"},
		"two roles":                    {[]string{"p4, a_b, X", "p4, a__b, X"}, "policy.csv:2: the role a__b would be AB, as the role a_b: rename one of them"},
		"a role's suffix and a kind":   {[]string{"p4, x, X", "p3, x, view, S, T", "p3, x_role, view, S, T"}, "policy.csv:1: the role x would be XRole, as the kind x_role: rename one of them"},
		"a role's suffix and a role":   {[]string{"p4, x_role, X", "p4, x, X", "p3, x, view, S, T"}, "policy.csv:2: the role x would be XRole, as the role x_role: rename one of them"},
		"two permissions, all around":  {[]string{"p3, a, b_c, S, T", "p3, a.b, c, S, T"}, "policy.csv:2: the permission a.b:c would be ABC, as the permission a:b_c: rename one of them"},
		"a suffix of the test's class": {[]string{"p3, test.vocabulary, view, S, T", "p3, test.vocabulary_kind, view, S, T"}, "policy.csv:2: the kind test.vocabulary_kind would be TestVocabularyKind, as the kind test.vocabulary: rename one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := names(t, test.rows...)
			if err == nil {
				t.Fatal("no error")
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.HasSuffix(filepath.ToSlash(first), test.want) {
				t.Errorf("got  %s\nwant %s", first, test.want)
			}
		})
	}
}

func TestNamesDoNotDependOnTheOrderOfTheRows(t *testing.T) {
	t.Parallel()
	rows := []string{
		"p4, billing, B", "p4, x, X", "p4, view, V", "p3, billing, view, S, T", "p3, x, role, S, T",
		"p3, settings, mail, S, T", "p3, settings.mail, view, S, T", "p3, export, export, S, T",
	}
	want, err := names(t, rows...)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		shuffled := slices.Clone(rows)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		got, err := names(t, shuffled...)
		if err != nil {
			t.Fatal(err)
		}
		for value, name := range want {
			if got[value] != name {
				t.Errorf("%s is %s, and %s in the order %q", value, name, got[value], shuffled)
			}
		}
	}
}
