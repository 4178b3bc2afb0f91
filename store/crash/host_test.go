package crash_test

import (
	"fmt"
	"os"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	cgosqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
	"github.com/castellan-iam/castellan/store/testdb"
)

// rollback is SQLite as a host may open it itself, with a rollback journal in place of the WAL.
const rollback = "sqlite-rollback"

// place is where a database is, for another process.
type place struct {
	Database string // as testdb calls it, or rollback
	DSN      string
}

func (p place) open() (*gorm.DB, error) {
	config := &gorm.Config{Logger: logger.Discard}
	switch p.Database {
	case testdb.Postgres:
		return gorm.Open(postgres.Open(p.DSN), config)
	case testdb.MySQL:
		return gorm.Open(mysql.Open(p.DSN), config)
	case rollback:
		const parameters = "?_busy_timeout=10000&_journal_mode=DELETE&_synchronous=FULL&_foreign_keys=1&_txlock=immediate"
		return gorm.Open(cgosqlite.Open("file:"+p.DSN+parameters), config)
	default:
		return sqlite.Open(p.DSN, config)
	}
}

// isFile reports whether the database is a file of the processes' own.
func (p place) isFile() bool { return p.Database == testdb.SQLite || p.Database == rollback }

// host is the program whose processes are killed.
type host struct {
	db  *gorm.DB
	st  *store.Store
	svc *iam.Service
	in  *signin.Service
}

const (
	password = "quiet lantern over bay 7"
	baseURL  = "https://console.example.com"

	// hostTable has a row of the host's for each project that it has opened in a transaction of its own.
	hostTable = "CREATE TABLE IF NOT EXISTS host_projects (org_id VARCHAR(255) NOT NULL, id VARCHAR(255) NOT NULL, PRIMARY KEY (org_id, id))"
)

func newHost(db *gorm.DB, now func() time.Time) (*host, error) {
	h := &host{db: db, st: store.New(db)}
	var err error
	h.svc, err = iam.New(h.st, system(), iam.Config{Now: now, BaseURL: baseURL, Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1, 2, 3}}}})
	if err != nil {
		return nil, err
	}
	h.in, err = signin.New(h.svc, signin.Config{Idle: 23 * time.Hour, Lifetime: 24 * time.Hour}) // of a fast clock
	return h, err
}

func (h *host) close() error {
	pool, err := h.db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

// system is EMQX as a host could have it that lets accounts own deployments, and people choose their first
// password: everything that the library keeps rows of is in it.
func system() iam.System {
	s := emqx.System()
	s.Rules.FirstPassword = iam.ByInvitee
	s.Rules.InvitationLifetime = 30 * 24 * time.Hour // of a fast clock
	s.Rules.FormerRoot = emqx.Administrator
	s.Rules.Permissions.ChangeQuotas = emqx.SubaccountManage
	s.Rules.Permissions.ReadMailServer = emqx.SubaccountManage
	s.Rules.Permissions.EditMailServer = emqx.SubaccountManage
	s.Rules.Permissions.TestMailServer = emqx.SubaccountManage
	s.Rules.Holdings = []iam.HeldKind{{
		Kind: emqx.Deployment, Claim: emqx.DeploymentCreate, Release: emqx.DeploymentDelete, Transfer: emqx.DeploymentMove,
		Share: emqx.DeploymentMove, Manage: []policy.Permission{emqx.DeploymentView}, Quota: true,
	}}
	return s
}

// fast is a clock that runs sixty times as fast as ours, and is the same in every process: what may be done so often
// in an hour, can be done so often in a minute.
func fast() time.Time {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return begin.Add(60 * time.Since(begin)).UTC()
}

// die ends the process as the kernel would: nothing is put in order.
func die() {
	if process, err := os.FindProcess(os.Getpid()); err == nil {
		_ = process.Kill()
	}
	select {}
}

// dieAt ends the process behind the n-th statement that it sends.
func dieAt(db *gorm.DB, n int64, count func() int64) error {
	after := func(*gorm.DB) {
		if count() == n {
			die()
		}
	}
	const name = "crash:die"
	callbacks := db.Callback()
	for _, err := range []error{
		callbacks.Create().After("gorm:create").Register(name, after),
		callbacks.Query().After("gorm:query").Register(name, after),
		callbacks.Update().After("gorm:update").Register(name, after),
		callbacks.Delete().After("gorm:delete").Register(name, after),
		callbacks.Row().After("gorm:row").Register(name, after),
		callbacks.Raw().After("gorm:raw").Register(name, after),
	} {
		if err != nil {
			return fmt.Errorf("register a callback: %w", err)
		}
	}
	return nil
}
