package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

// releasedVersions are those that a program has had. There was none of version 3: it came with version 4.
var releasedVersions = []int{1, 2, 4}

// eachReleased runs the test on what the program of each version has left in each database.
func eachReleased(t *testing.T, test func(t *testing.T, db *gorm.DB, f fixture)) {
	t.Helper()
	for _, version := range releasedVersions {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			t.Parallel()
			eachEmpty(t, func(t *testing.T, db *gorm.DB) { test(t, db, load(t, db, version)) })
		})
	}
}

// What the program of any released version has written, is read as that program read it, and goes on.
func TestReleasedIsUpgraded(t *testing.T) {
	t.Parallel()
	eachReleased(t, func(t *testing.T, db *gorm.DB, f fixture) {
		var old *store.SchemaError
		switch err := store.CheckSchema(t.Context(), db); {
		case f.Version == store.Latest():
			if err != nil {
				t.Errorf("CheckSchema of the newest version: got %v", err)
			}
		case !errors.As(err, &old) || old.Have != f.Version || old.Want != store.Latest():
			t.Errorf("CheckSchema before: got %v, want a *SchemaError with version %d", err, f.Version)
		}
		if err := store.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if err := store.CheckSchema(t.Context(), db); err != nil {
			t.Errorf("CheckSchema after: got %v", err)
		}
		a := resume(t, db, f)
		a.readsAs(f)
		a.work(f)
	})
}

// readsAs wants that today's program reads what the fixture's did, but for what is said in expected.
func (a *author) readsAs(f fixture) {
	a.Helper()
	a.now = f.Now
	got := a.plain(a.read())
	a.now = f.Now // reading takes its time
	if diffs := difference("", expected(f), got, nil); len(diffs) > 0 {
		a.Errorf("%d differences, such as:", len(diffs))
		for _, d := range diffs[:min(len(diffs), 12)] {
			a.Error(d)
		}
	}
}

// plain is a value as JSON has it, without what is empty.
func (a *author) plain(value any) map[string]any {
	a.Helper()
	text, err := fixture{Read: value.(map[string]any)}.encode()
	a.ok(err)
	f, err := decode(text)
	a.ok(err)
	return f.Read
}

// expected is what today's program reads of a fixture. It differs from what was read then by what the upgrade
// promises, and by what the program of that time could not read.
func expected(f fixture) map[string]any {
	all := make(map[string]any)
	for org, value := range f.Read {
		read := maps.Clone(value.(map[string]any))
		all[org] = read
		accounts := read["accounts"].([]any)
		there := make(map[any]bool)
		for _, account := range accounts {
			there[account.(map[string]any)["ID"]] = true
		}
		credentials, quotas := make(map[string]any), make(map[string]any)
		for _, value := range accounts {
			account := value.(map[string]any)
			id := account["ID"].(string)
			credentials[id] = map[string]any{"Account": id} // that of nobody who could sign in
			if f.System["hub"] == f.System[policy.OrgID(org)] {
				quota := map[string]any{"Kind": "device"}
				if account["Root"] == true {
					quota["Most"] = json.Number("-1")
				}
				quotas[id] = []any{quota}
			}
			if f.Version < 3 && !there[account["CreatedBy"]] {
				delete(account, "CreatedBy") // whose creator is gone, is the system's
			}
		}
		if f.Version < 2 {
			read["credentials"] = credentials
			read["log"] = map[string]any{
				"Unchained": json.Number(fmt.Sprint(len(read["events"].([]any)))), "Checkpoint": "0 0.0  " + org,
			}
		}
		if f.Version < 4 && len(quotas) > 0 {
			read["quotas"] = quotas // nobody has any, and root is not limited
		}
	}
	return all
}

// difference says where two values are not the same.
func difference(at string, want, got any, all []string) []string {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			keys := maps.Clone(w)
			maps.Copy(keys, g)
			for _, key := range slices.Sorted(maps.Keys(keys)) {
				all = difference(at+"/"+key, w[key], g[key], all)
			}
			return all
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				all = difference(fmt.Sprint(at, "/", i), w[i], g[i], all)
			}
			return all
		}
	}
	if w, g := fmt.Sprint(want), fmt.Sprint(got); w != g {
		all = append(all, fmt.Sprintf("%s: got %.300s, want %.300s", at, g, w))
	}
	return all
}

// refused wants an error that is target.
func (a *author) refused(err, target error) {
	a.Helper()
	if !errors.Is(err, target) {
		a.Errorf("got the error %v, want %v", err, target)
	}
}
