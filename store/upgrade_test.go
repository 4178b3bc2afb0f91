package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// versionOne makes the tables of version 1, with what a program of that time may have left in them: two
// organisations whose roots have one address, which was allowed, and one whose root's address is its own.
func versionOne(t *testing.T, db *gorm.DB) {
	t.Helper()
	var statements []string
	first := store.Migrations(db.Name())[0]
	statements = append(statements, first.SQL...)
	statements = append(statements,
		fmt.Sprintf("INSERT INTO iam_schema (version, name, applied) VALUES (1, '%s', 1)", first.Name),
		"INSERT INTO iam_organizations (id, name, created, revision) VALUES ('o1', 'One', 1, 7), ('o2', 'Two', 2, 3), ('o3', 'Three', 3, 1)")
	const account = "INSERT INTO iam_accounts (id, org_id, root_key, status, email, email_key, name, username, phone, company, note, search, " +
		"created_by, created, activated, updated) VALUES ('%s', '%s', %s, 'active', %s, NULL, 'n', '', '', '', '', '', '', 1, 1, 1)"
	statements = append(statements,
		fmt.Sprintf(account, "r1", "o1", "'o1'", "'same@example.com'"),
		fmt.Sprintf(account, "r2", "o2", "'o2'", "'same@example.com'"),
		fmt.Sprintf(account, "r3", "o3", "'o3'", "'alone@example.com'"),
		fmt.Sprintf(account, "a1", "o1", "NULL", "'alone@example.com'"), // E11: a sub-account may have a root's address
		fmt.Sprintf(account, "a2", "o1", "NULL", "NULL"),
		"UPDATE iam_accounts SET created_by = 'a1' WHERE id = 'a2'",
		fmt.Sprintf(account, "a3", "o1", "NULL", "NULL"), // whose creator was deleted
		"UPDATE iam_accounts SET created_by = 'gone' WHERE id = 'a3'",
		fmt.Sprintf(account, "a4", "o2", "NULL", "NULL"), // whose creator is another organisation's
		"UPDATE iam_accounts SET created_by = 'a1' WHERE id = 'a4'",
		"INSERT INTO iam_account_roles (org_id, account_id, role) VALUES ('o1', 'a1', 'administrator')",
		"INSERT INTO iam_bindings (org_id, account_id, project_id, role) VALUES ('o1', 'a1', 'p', 'project_user')",
	)
	for _, at := range []string{"'o1', 6, 1", "'o1', 7, 1", "'o1', 7, 2", "'o1', 7, 3", "'o2', 2, 1"} {
		statements = append(statements,
			"INSERT INTO iam_events (org_id, revision, ordinal, time, type, actor, reason, target, changes) VALUES ("+at+", 5, 't', 'r1', 'why', 'a1', '[]')")
	}
	run(t, db, statements...)
}

func run(t *testing.T, db *gorm.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := db.WithContext(t.Context()).Exec(statement).Error; err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestMigrateFromVersionOne(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		versionOne(t, db)
		var old *store.SchemaError
		err := store.CheckSchema(t.Context(), db)
		say := fmt.Sprintf("store: the tables are of version 1, and %d is needed: run store.Migrate", store.Latest())
		if !errors.As(err, &old) || old.Have != 1 || old.Want != store.Latest() || err.Error() != say {
			t.Errorf("CheckSchema before: got %v, want %s", err, say)
		}
		migrated(t, db)
	})
}

// MariaDB and MySQL end a transaction at every DDL: a Migrate that was cut off after any statement is
// taken up by the next.
func TestMigrateThatBrokeHalfway(t *testing.T) {
	t.Parallel()
	if !slices.Contains(testdb.Reachable(t), testdb.MySQL) {
		t.Skip("MariaDB or MySQL cannot be reached")
	}
	all := store.Migrations(testdb.MySQL)
	for i, broken := range all[1:] {
		for k := range len(broken.SQL) + 1 {
			t.Run(fmt.Sprintf("version %d after %d statements", broken.Version, k), func(t *testing.T) {
				t.Parallel()
				db := testdb.Empty(t, testdb.MySQL)
				versionOne(t, db)
				for _, done := range all[1 : i+1] {
					run(t, db, done.SQL...)
					run(t, db, fmt.Sprintf("INSERT INTO iam_schema (version, name, applied) VALUES (%d, '%s', 1)", done.Version, done.Name))
				}
				run(t, db, broken.SQL[:k]...)
				migrated(t, db)
			})
		}
	}
}

// What is there already is passed over when a column or an index is added, and nothing else is.
func TestMigratePassesOverNothingElse(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		versionOne(t, db)
		run(t, db, "ALTER TABLE iam_events DROP COLUMN changes", "ALTER TABLE iam_accounts ADD COLUMN root_email CHAR(1)")
		err := store.Migrate(t.Context(), db)
		if err == nil {
			t.Fatal("Migrate succeeded on tables that are not those of version 1")
		}
		var old *store.SchemaError
		if err := store.CheckSchema(t.Context(), db); !errors.As(err, &old) || old.Have != 1 {
			t.Errorf("CheckSchema after %v: got %v, want version 1", err, err)
		}
	})
}

// migrated migrates what versionOne has left, and reads it through the Store.
func migrated(t *testing.T, db *gorm.DB) {
	t.Helper()
	ctx := t.Context()
	if err := store.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	if err := store.CheckSchema(ctx, db); err != nil {
		t.Error(err)
	}
	st := store.New(db)
	if o, err := st.Organization(ctx, "o1"); err != nil || o.Name != "One" || o.Root != "r1" || o.SecondFactor != 0 || o.Revision != 7 {
		t.Errorf("the organisation: got %+v (%v)", o, err)
	}
	if r, err := st.Subject(ctx, "a1"); err != nil || len(r.Roles) != 1 || len(r.Bindings) != 1 {
		t.Errorf("the subject: got %+v (%v)", r, err)
	}
	for _, a := range []struct {
		org         policy.OrgID
		id, creator policy.AccountID
	}{{"o1", "a1", ""}, {"o1", "a2", "a1"}, {"o1", "a3", ""}, {"o2", "a4", ""}} {
		if got, err := st.Account(ctx, a.org, a.id); err != nil || got.CreatedBy != a.creator {
			t.Errorf("the creator of %s: got %q (%v), want %q", a.id, got.CreatedBy, err, a.creator)
		}
	}
	events, err := st.Events(ctx, "o1", iam.EventQuery{Outcomes: []iam.Outcome{iam.Done}, Ascending: true})
	if err != nil || len(events) != 4 || events[3].Position() != (iam.EventPosition{Revision: 7, Ordinal: 3}) || events[3].Hash != "" {
		t.Errorf("the events: got %+v (%v)", events, err)
	}
	if head, err := st.LogHead(ctx, "o1"); err != nil || head != (iam.LogHead{}) {
		t.Errorf("the log's head: got %+v (%v), want none", head, err)
	}
	goesOnCounting(t, st)
	roots(t, st)
}

// goesOnCounting wants that events behind a migration come behind those from before it.
func goesOnCounting(t *testing.T, st *store.Store) {
	t.Helper()
	ctx := t.Context()
	for _, step := range []struct {
		org  policy.OrgID
		run  func(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error
		want iam.EventPosition
	}{
		{"o1", st.WriteAside, iam.EventPosition{Revision: 7, Ordinal: 4}},
		{"o1", st.Write, iam.EventPosition{Revision: 8, Ordinal: 1}},
		{"o1", st.WriteAside, iam.EventPosition{Revision: 8, Ordinal: 2}},
		{"o2", st.WriteAside, iam.EventPosition{Revision: 3, Ordinal: 1}},
	} {
		before, err := st.LogHead(ctx, step.org)
		if err != nil {
			t.Fatal(err)
		}
		if err := step.run(ctx, step.org, func(tx iam.Tx) error { return tx.Append(ctx, iam.Event{Type: "t"}, linkTo) }); err != nil {
			t.Fatal(err)
		}
		events, err := st.Events(ctx, step.org, iam.EventQuery{Limit: 1})
		if err != nil || len(events) != 1 || events[0].Position() != step.want || events[0].Hash != linkTo(events[0], before.Hash) {
			t.Errorf("%s: got %+v (%v), want an event at %v that follows %q", step.org, events, err, step.want, before.Hash)
		}
	}
}

// roots wants that an address which several roots had before it had to be one root's goes on being all of
// theirs, that no other gets it, and that it is the last one's when the others have given it up.
func roots(t *testing.T, st *store.Store) {
	t.Helper()
	ctx := t.Context()
	byEmail := func(email iam.Email, want policy.AccountID) {
		t.Helper()
		a, err := st.RootByEmail(ctx, email)
		if want == "" && !errors.Is(err, iam.ErrNotFound) || a.ID != want {
			t.Errorf("root by %s: got %q (%v), want %q", email, a.ID, err, want)
		}
	}
	update := func(org policy.OrgID, id policy.AccountID, edit func(*iam.Account)) {
		t.Helper()
		err := st.Write(ctx, org, func(tx iam.Tx) error {
			a, err := tx.Account(ctx, org, id)
			if err != nil {
				return err
			}
			edit(&a)
			return tx.UpdateAccount(ctx, a, false)
		})
		if err != nil {
			t.Error(err)
		}
	}
	byEmail("alone@example.com", "r3")
	byEmail("same@example.com", "")
	if there, err := st.RootEmail(ctx, "same@example.com"); err != nil || !there {
		t.Errorf("a shared address is a root's: got %t (%v)", there, err)
	}
	third := iam.Account{ID: "r4", Org: "o4", Root: true, Status: iam.Active, Email: "same@example.com"}
	err := st.Create(ctx, iam.Organization{ID: "o4"}, func(tx iam.Tx) error { return tx.InsertAccount(ctx, third, false) })
	if !errors.Is(err, iam.ErrExists) {
		t.Errorf("a third root with the address: got %v, want ErrExists", err)
	}
	update("o1", "r1", func(a *iam.Account) { a.Name = "renamed" })
	byEmail("same@example.com", "")
	update("o1", "r1", func(a *iam.Account) { a.Email = "one@example.com" })
	byEmail("one@example.com", "r1")
	update("o2", "r2", func(a *iam.Account) { a.Name = "renamed" })
	byEmail("same@example.com", "r2")
}
