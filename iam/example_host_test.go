package iam_test

import (
	"log"
	"os"
	"path/filepath"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

// host is what the examples start from: the organisation acme with its root account, Rosa.
type host struct {
	db    *gorm.DB
	st    *store.Store
	svc   *iam.Service
	org   policy.OrgID
	root  policy.AccountID
	clock time.Time
	dir   string
}

func openHost() *host {
	dir, err := os.MkdirTemp("", "castellan")
	check(err)
	db, err := sqlite.Open(filepath.Join(dir, "iam.db"))
	check(err)
	check(store.Migrate(ctx, db))
	h := &host{db: db, st: store.New(db), org: "acme", clock: morning, dir: dir}
	h.svc, err = iam.New(h.st, emqx.System(), iam.Config{Now: func() time.Time { return h.clock }})
	check(err)
	made, err := h.svc.System("example").CreateOrganization(ctx, iam.CreateOrganizationParams{
		ID: h.org, Name: "Acme", Root: &iam.CreateAccountParams{Profile: iam.Profile{Name: "Rosa"}},
	})
	check(err)
	h.root = made.Root
	return h
}

func (h *host) close() {
	closeDB(h.db)
	check(os.RemoveAll(h.dir))
}

func (h *host) account(name string, roles ...policy.Role) policy.AccountID {
	account, _, err := h.svc.System("example").In(h.org).CreateAccount(ctx, iam.CreateAccountParams{
		Roles: roles, Active: true, Profile: iam.Profile{Name: name},
	})
	check(err)
	return account.ID
}

func (h *host) bind(id policy.AccountID, role policy.Role, project policy.ProjectID) {
	check(h.svc.System("example").In(h.org).Bind(ctx, iam.Binding{Account: id, Role: role, Project: project}))
}

func (h *host) subject(id policy.AccountID) iam.Subject {
	sub, err := h.svc.Subject(ctx, id)
	check(err)
	return sub
}

func (h *host) name(id policy.AccountID) string {
	account, err := h.svc.System("example").In(h.org).Account(ctx, id)
	check(err)
	return account.Name
}

func closeDB(db *gorm.DB) {
	pool, err := db.DB()
	check(err)
	check(pool.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
