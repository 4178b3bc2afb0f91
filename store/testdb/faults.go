package testdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// ErrInjected is in every error that a fault makes, but for those that must be somebody else's: a passing
// failure is the database's own, a canceled context the context's, and CutBefore driver.ErrBadConn.
var ErrInjected = errors.New("testdb: an injected fault")

// Fault is what goes wrong with one thing that crosses the driver.
type Fault string

// The faults.
const (
	// Refuse answers with an error, and executes nothing. A transaction whose commit is refused is
	// rolled back, as a server does.
	Refuse Fault = "refuse"
	// Lose executes it, and answers with an error.
	Lose Fault = "lose"
	// CutBefore closes the connection in place of executing it. It is driver.ErrBadConn, as drivers say
	// where nothing was sent: outside of a transaction, database/sql tries again on another connection.
	CutBefore Fault = "cut before"
	// CutAfter executes it, and closes the connection in place of an answer.
	CutAfter Fault = "cut after"
	// Cancel ends the caller's context just before it is executed.
	Cancel Fault = "cancel"
	// CancelAfter ends the caller's context as soon as it is executed.
	CancelAfter Fault = "cancel after"
	// Delay waits for Release or the end of the context.
	Delay Fault = "delay"
	// Pass is a failure that passes: a deadlock on MariaDB and PostgreSQL, with what it does to the
	// transaction, and a busy database on SQLite. Nothing is executed.
	Pass Fault = "pass"
	// Down refuses it and everything behind it, until Heal.
	Down Fault = "down"
)

// Kind is what crosses the driver.
type Kind string

// The kinds. A statement that is prepared first is Prepare and then Exec or Query.
const (
	Begin     Kind = "begin"
	Prepare   Kind = "prepare"
	Exec      Kind = "exec"
	Query     Kind = "query"
	Next      Kind = "next" // one row, or the end of them
	Close     Kind = "close"
	Savepoint Kind = "savepoint" // to set it, to go back to it, or to release it
	Commit    Kind = "commit"
	Rollback  Kind = "rollback"
)

// Crossing is one thing that crossed the driver.
type Crossing struct {
	Kind  Kind
	Query string // of a statement
	InTx  bool
}

// Commits reports whether what was done stays done: the end of a transaction, or a statement outside of one.
func (c Crossing) Commits() bool { return c.Kind == Commit || c.Kind == Exec && !c.InTx }

// Faults are what goes wrong in one pool. Without Arm, nothing does. It is safe for concurrent use.
type Faults struct {
	database string
	pool     *sql.DB

	mu       sync.Mutex
	count    int
	trace    []Crossing
	at       int // from 1; 0 for no fault
	fault    Fault
	cancel   context.CancelFunc
	hit      bool
	reached  chan struct{}
	released chan struct{}
	done     func(Crossing)
}

// Faulty opens a second pool of one connection on the database of db, through a driver that fails when it is
// told to. One is enough, for within a transaction nothing else asks the database; and whoever loses a
// connection waits for ever, which a test sees.
func Faulty(tb testing.TB, db *gorm.DB) (*gorm.DB, *Faults) {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	connector, err := connectorOf(pool.Driver(), dsnOf(db.Dialector))
	if err != nil {
		tb.Fatalf("testdb: a connector of %s: %v", db.Name(), err)
	}
	faults := &Faults{database: db.Name()}
	faults.Heal()
	faults.pool = sql.OpenDB(&faultConnector{connector, faults})
	faults.pool.SetMaxOpenConns(1)
	opened, err := gorm.Open(dialectorOn(db.Dialector, faults.pool), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		tb.Fatalf("testdb: open with faults: %v", err)
	}
	tb.Cleanup(func() {
		faults.Heal()
		if err := faults.pool.Close(); err != nil {
			tb.Errorf("testdb: close %s: %v", db.Name(), err)
		}
	})
	return opened, faults
}

// dsnOf is where a dialector connects to: each of the three, and SQLite's without cgo, has a field of that name.
func dsnOf(d gorm.Dialector) string {
	return reflect.Indirect(reflect.ValueOf(d)).FieldByName("DSN").String()
}

func dialectorOn(d gorm.Dialector, pool *sql.DB) gorm.Dialector {
	switch d.Name() {
	case Postgres:
		return postgres.New(postgres.Config{Conn: pool})
	case MySQL:
		return mysql.New(mysql.Config{Conn: pool})
	}
	again := reflect.New(reflect.TypeOf(d).Elem())
	again.Elem().Set(reflect.ValueOf(d).Elem())
	again.Elem().FieldByName("Conn").Set(reflect.ValueOf(pool))
	return again.Interface().(gorm.Dialector)
}

// Arm makes the n-th crossing from now on, counted from 1, go wrong. Cancel is for the faults that end the
// caller's context.
func (f *Faults) Arm(n int, fault Fault, cancel context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count, f.trace, f.hit = 0, nil, false
	f.at, f.fault, f.cancel, f.done = n, fault, cancel, nil
	f.reached, f.released = make(chan struct{}), make(chan struct{})
}

// Heal lets nothing go wrong any more, and reports whether something has since Arm. What crosses from now on
// is counted anew.
func (f *Faults) Heal() (hit bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hit = f.hit
	f.count, f.trace, f.at, f.hit, f.done = 0, nil, 0, false, nil
	return hit
}

// Watch calls done behind everything that crosses, until the next Arm or Heal.
func (f *Faults) Watch(done func(Crossing)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = done
}

// Trace is what has crossed since Arm or Heal.
func (f *Faults) Trace() []Crossing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Crossing(nil), f.trace...)
}

// Reached is closed when a Delay begins.
func (f *Faults) Reached() <-chan struct{} { return f.reached }

// Release ends a Delay, once.
func (f *Faults) Release() { close(f.released) }

// next counts a crossing, and says what goes wrong with it.
func (f *Faults) next(c Crossing) (Fault, func(Crossing)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	f.trace = append(f.trace, c)
	if f.at == 0 || f.count < f.at || f.count > f.at && f.fault != Down {
		return "", f.done
	}
	f.hit = true
	return f.fault, f.done
}

// down reports whether nothing can be reached.
func (f *Faults) down() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at > 0 && f.fault == Down && f.count >= f.at
}

// kindOf tells the statements about the transaction itself from the others.
func kindOf(kind Kind, query string) Kind {
	for _, prefix := range []string{"SAVEPOINT ", "ROLLBACK TO ", "RELEASE "} {
		if strings.HasPrefix(query, prefix) {
			return Savepoint
		}
	}
	return kind
}

// connectorOf is what sql.Open makes of a driver and a DSN.
func connectorOf(d driver.Driver, dsn string) (driver.Connector, error) {
	if opener, ok := d.(driver.DriverContext); ok {
		return opener.OpenConnector(dsn)
	}
	return dsnConnector{d, dsn}, nil
}

type dsnConnector struct {
	driver driver.Driver
	dsn    string
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }
func (c dsnConnector) Driver() driver.Driver                        { return c.driver }
