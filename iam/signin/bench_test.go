package signin_test

import (
	"context"
	"database/sql"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// eachBench runs the benchmark on every database that can be reached.
func eachBench(b *testing.B, bench func(b *testing.B, w *world)) {
	for _, database := range testdb.Reachable(b) {
		b.Run(database, func(b *testing.B) {
			db := testdb.Open(b, database)
			bench(b, &world{TB: b, db: db, st: store.New(db)})
		})
	}
}

// BenchmarkSignIn is a sign-in with the default params, beside the hash alone. Nearly all of it should be
// the hash.
func BenchmarkSignIn(b *testing.B) {
	b.Run("argon2id alone", func(b *testing.B) {
		password, salt := []byte("Aa1! correct horse battery"), make([]byte, 16)
		for b.Loop() {
			argon2.IDKey(password, salt, 2, 19<<10, 1, 32)
		}
	})
	eachBench(b, func(b *testing.B, w *world) {
		o := w.organization(emqx.System())
		o.in = must(signin.New(o.svc, signin.Config{}))(b)
		p := o.account()
		for b.Loop() {
			if _, err := p.try(p.password); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRequest is what every request costs, the session and a decision, beside its two statements alone.
func BenchmarkRequest(b *testing.B) {
	eachBench(b, func(b *testing.B, w *world) {
		o := w.organization(emqx.System())
		token := o.account().signIn().Token
		counted, asked := o.counted()
		did := asked.of(func() { equal(b, "held", counted.holds(token), true) })
		equal(b, "statements of a request", len(did), 2)

		b.Run("Session and Can", func(b *testing.B) {
			resource := emqx.SubaccountList.Kind().Of(o.id)
			for b.Loop() {
				sub, _, err := o.in.Session(b.Context(), token)
				if err != nil || !o.svc.Can(sub, emqx.SubaccountList.Action(), resource) {
					b.Fatal("refused: ", err)
				}
			}
		})
		b.Run("its statements alone", func(b *testing.B) {
			pool := must(w.db.DB())(b)
			for b.Loop() {
				for _, statement := range did {
					if err := readAll(b.Context(), pool, statement); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	})
}

// readAll reads the rows of a statement.
func readAll(ctx context.Context, pool *sql.DB, statement string) error {
	rows, err := pool.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.RawBytes)
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// BenchmarkKeyRequest is what a request by an API key costs, beside BenchmarkRequest.
func BenchmarkKeyRequest(b *testing.B) {
	eachBench(b, func(b *testing.B, w *world) {
		o := w.organization(emqx.System())
		_, secret := o.account(emqx.Administrator).apiKey(emqx.DeploymentView)
		resource := emqx.Deployment.In(o.id, "p1").Named("d1")
		for b.Loop() {
			sub, _, err := o.in.Key(b.Context(), secret)
			if err != nil || !o.svc.Can(sub, emqx.View, resource) {
				b.Fatal("refused: ", err)
			}
		}
	})
}
