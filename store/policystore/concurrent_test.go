package policystore_test

import (
	"database/sql"
	"reflect"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

// TestTheLaterWriterWinsWhole forces the interleaving that would mix two versions of a role: the
// second writer has begun while the first has written and not yet committed. Without its lock it
// would read the role as it was before the first, and write the difference to that.
func TestTheLaterWriterWinsWhole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, first := seeded(t, db)
		put(t, st, "acme", role("support"))
		second := db.connect(t)
		begun, committed := pauseBeforeWriting(t, second)

		tx := first.Begin()
		put(t, st.In(tx), "acme", role("support", "file:edit"))
		done := make(chan error)
		later := role("support")
		later.Permissions[0].Reach = policy.ReachOwn
		go func() { done <- policystore.New(second, config()).PutRole(t.Context(), "acme", later) }()
		<-begun
		if err := tx.Commit().Error; err != nil {
			t.Error(err)
		}
		close(committed)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		got, err := st.Roles(t.Context(), "acme")
		if want := []policystore.CustomRole{later}; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

// pauseBeforeWriting says when the connection begins to wait for a lock, or, if it takes none, is
// about to change rows; then it lets it go on only after the other has committed.
func pauseBeforeWriting(t *testing.T, db *gorm.DB) (begun, committed chan struct{}) {
	t.Helper()
	begun, committed = make(chan struct{}), make(chan struct{})
	say := sync.OnceFunc(func() { close(begun) })
	statement := func(tx *gorm.DB) { // Exec, and Raw with Scan
		say()
		if strings.HasPrefix(tx.Statement.SQL.String(), "DELETE") {
			<-committed
		}
	}
	query := func(tx *gorm.DB) {
		if _, locks := tx.Statement.Clauses["FOR"]; locks {
			say()
		}
	}
	create := func(*gorm.DB) { say(); <-committed }
	for _, err := range []error{
		db.Callback().Raw().Before("gorm:raw").Register("test:pause", statement),
		db.Callback().Row().Before("gorm:row").Register("test:pause", statement),
		db.Callback().Query().Before("gorm:query").Register("test:pause", query),
		db.Callback().Create().Before("gorm:create").Register("test:pause", create),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return begun, committed
}

func TestARoleIsNeverSeenMixed(t *testing.T) {
	t.Parallel()
	versions := []policystore.CustomRole{role("support"), role("support", "file:edit"), {Name: "support", Title: "Other", GivenBy: []policy.Role{"reader"}}}
	whole := func(roles []policystore.CustomRole) bool {
		for _, v := range versions {
			if len(roles) == 1 && reflect.DeepEqual(roles[0], v) {
				return true
			}
		}
		return false
	}
	onEach(t, func(t *testing.T, db database) {
		st, _ := seeded(t, db)
		put(t, st, "acme", versions[0])
		var writers sync.WaitGroup
		for i := range versions {
			node := policystore.New(db.connect(t), config())
			writers.Go(func() {
				for n := range 6 {
					if err := node.PutRole(t.Context(), "acme", versions[(i+n)%len(versions)]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { writers.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			if roles, err := st.Roles(t.Context(), "acme"); err != nil || !whole(roles) {
				t.Errorf("got %+v, %v", roles, err)
			}
		}
	})
}

// TestARoleAndASeedAtOnce: either the role is refused because its permission has gone, or the seed
// because a role has it; the table can always be loaded.
func TestARoleAndASeedAtOnce(t *testing.T) {
	t.Parallel()
	without := strings.NewReplacer("p3, file, edit, Files, Edit files\n", "", "p, owner, org, file, edit, allow, always\n", "").Replace(small)
	onEach(t, func(t *testing.T, db database) {
		for range 3 {
			st, _ := seeded(t, db)
			other := policystore.New(db.connect(t), config())
			var putErr, seedErr error
			var wg sync.WaitGroup
			wg.Go(func() { putErr = other.PutRole(t.Context(), "acme", role("support", "file:edit")) })
			wg.Go(func() {
				_, seedErr = st.Seed(t.Context(), document(t, without), policystore.SeedParams{Prune: true})
			})
			wg.Wait()
			if (putErr == nil) == (seedErr == nil) {
				t.Errorf("put: %v; seed: %v", putErr, seedErr)
			}
			version(t, st)
			_ = st.DeleteRole(t.Context(), "acme", "support")
		}
	})
}

// TestATransactionWithAnOldSnapshot: on PostgreSQL it would not see what others wrote, so it is
// refused; on MariaDB what is written rests on what is committed.
func TestATransactionWithAnOldSnapshot(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		if db.name == "sqlite" {
			return // has one level, and refuses to write on an old snapshot itself
		}
		st, conn := seeded(t, db)
		put(t, st, "acme", role("support"))
		tx := conn.Begin(&sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		defer tx.Rollback()
		text(t, tx) // takes the snapshot
		put(t, st, "acme", role("support", "file:edit"))
		err := st.In(tx).PutRole(t.Context(), "acme", role("support"))
		if db.name == "postgres" {
			if err == nil || !strings.Contains(err.Error(), "repeatable read") {
				t.Errorf("got %v", err)
			}
			return
		}
		if err != nil || tx.Commit().Error != nil {
			t.Fatal(err)
		}
		if got, err := st.Roles(t.Context(), "acme"); err != nil || !reflect.DeepEqual(got, []policystore.CustomRole{role("support")}) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestWritersInHostsTransactionsDoNotDeadlock: nobody repeats these, so they must wait for each
// other in one order. On MariaDB the rows that they read would do for the rest.
func TestWritersInHostsTransactionsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	more := strings.Replace(small, "p3, file, view", "p3, file, copy, Files, Copy files\np3, file, view", 1)
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		put(t, st, "acme", role("a"))
		seed(t, st, more, policystore.SeedParams{}) // writes the vocabulary again, behind the role
		inTx := func(do func(*policystore.Store) error) {
			if err := conn.Transaction(func(tx *gorm.DB) error { return do(st.In(tx)) }); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				for n := range 8 {
					inTx(func(st *policystore.Store) error {
						if i == 0 {
							_, err := st.Seed(t.Context(), document(t, []string{small, more}[n%2]), policystore.SeedParams{Prune: true})
							return err
						}
						return st.PutRole(t.Context(), "acme", role("a", []policy.Permission{"file:edit"}[:n%2]...))
					})
				}
			})
		}
		wg.Wait()
		version(t, st)
	})
}

// TestARowThatWentMeanwhileIsNoticed: a writer that does not take the lock took the row away. The
// whole is done again, on what is there now.
func TestARowThatWentMeanwhileIsNoticed(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, _ := seeded(t, db)
		put(t, st, "acme", role("support", "file:edit"))
		conn := db.connect(t)
		deletes := 0
		err := conn.Callback().Raw().Before("gorm:raw").Register("test:meanwhile", func(tx *gorm.DB) {
			if !strings.HasPrefix(tx.Statement.SQL.String(), "DELETE") {
				return
			}
			if deletes++; deletes == 1 {
				_, err := tx.Statement.ConnPool.ExecContext(t.Context(), "DELETE FROM casbin_rule WHERE ptype = 'p' AND v3 = 'edit'")
				_ = tx.AddError(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		put(t, policystore.New(conn, config()), "acme", role("support"))
		roles, err := st.Roles(t.Context(), "acme")
		if err != nil || deletes != 2 || !reflect.DeepEqual(roles, []policystore.CustomRole{role("support")}) {
			t.Errorf("after %d deletes: got %v, %v", deletes, roles, err)
		}
		version(t, st)
	})
}
