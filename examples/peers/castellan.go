package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
)

func castellanEntries() []entry {
	known := knows{roles: true, projects: true, orgs: true, conditions: true, reasons: true, lists: true}
	const lists, nodes = "Reach, and WhoCan from SQLite", "reads the database"
	return []entry{
		{name: "Castellan, Subject at hand", class: ours, knows: known, lists: lists, nodes: "the subject lives for a request",
			make: func() contestant { return &castellanNode{hold: atHand} }},
		{name: hotName, class: ours, knows: known, lists: lists, nodes: nodes,
			make: func() contestant { return &castellanNode{hold: hot} }},
		{name: "Castellan, Subject from SQLite", class: ours, knows: known, lists: lists, nodes: nodes,
			make: func() contestant { return &castellanNode{hold: cold} }},
	}
}

// holding is where the subject is when a request comes.
type holding int

const (
	cold   holding = iota // in SQLite: one round trip a request
	hot                   // in memory, found by the account's id
	atHand                // loaded earlier in the same request: what the second button of a page costs
)

// castellanNode decides from a SQLite database, with cgo or without.
type castellanNode struct {
	hold holding
	w    *world
	dir  string
	db   *gorm.DB
	svc  *iam.Service
	subs []iam.Subject // of atHand, in the order of the world
	byID map[policy.AccountID]iam.Subject
}

func (c *castellanNode) load(ctx context.Context, w *world) (err error) {
	c.w = w
	if c.dir, err = os.MkdirTemp("", "peers-castellan-"); err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return err
	}
	if err := store.Migrate(ctx, c.db); err != nil {
		return err
	}
	if err := seed(ctx, c.db, w); err != nil {
		return err
	}
	return c.warm(ctx)
}

func (c *castellanNode) open() (err error) {
	if c.db, err = sqlite.Open(filepath.Join(c.dir, "world.db"), &gorm.Config{Logger: logger.Discard}); err != nil {
		return err
	}
	c.svc, err = iam.New(store.New(c.db), emqx.System(), iam.Config{})
	return err
}

// warm asks once for every subject.
func (c *castellanNode) warm(ctx context.Context) error {
	if c.hold == cold {
		return nil
	}
	if c.hold == hot {
		c.byID = make(map[policy.AccountID]iam.Subject, len(c.w.accounts))
	}
	for i := range c.w.accounts {
		sub, err := c.svc.Subject(ctx, policy.AccountID(c.w.accounts[i].id))
		if err != nil {
			return err
		}
		if c.hold == hot {
			c.byID[sub.ID()] = sub
		} else {
			c.subs = append(c.subs, sub)
		}
	}
	return nil
}

func (c *castellanNode) subject(ctx context.Context, account string, at int) (iam.Subject, error) {
	switch c.hold {
	case atHand:
		return c.subs[at], nil
	case hot:
		return c.byID[policy.AccountID(account)], nil
	default:
		return c.svc.Subject(ctx, policy.AccountID(account))
	}
}

func (c *castellanNode) can(ctx context.Context, r *request) (bool, error) {
	sub, err := c.subject(ctx, r.account, r.at)
	if err != nil {
		return false, err
	}
	resource := policy.Kind(r.kind).In(policy.OrgID(r.org), policy.ProjectID(r.project)).Named("id-000001")
	return c.svc.Can(sub, policy.Action(r.action), resource), nil
}

func (c *castellanNode) which(ctx context.Context, ask *whichAsk) ([]string, error) {
	sub, err := c.subject(ctx, ask.account, ask.at)
	if err != nil {
		return nil, err
	}
	reach := c.svc.Reach(sub, policy.Action(ask.action), policy.Kind(ask.kind))
	if reach.IsAll() {
		return c.w.projects, nil
	}
	bound := reach.Projects()
	all := make([]string, len(bound))
	for i := range bound {
		all[i] = string(bound[i])
	}
	return all, nil
}

func (c *castellanNode) who(ctx context.Context, ask *whoAsk) ([]string, error) {
	in := policy.Kind(ask.kind).In(policy.OrgID(ask.org), policy.ProjectID(ask.project))
	decisions, err := c.svc.WhoCan(ctx, policy.Action(ask.action), in)
	if err != nil {
		return nil, err
	}
	all := make([]string, len(decisions))
	for i := range decisions {
		all[i] = string(decisions[i].Subject)
	}
	return all, nil
}

func (c *castellanNode) revoke(ctx context.Context, a *account, b binding) error {
	return c.svc.System("peers").In(policy.OrgID(a.org)).Unbind(ctx, iam.Binding{
		Account: policy.AccountID(a.id), Role: policy.Role(b.role), Project: policy.ProjectID(b.project),
	})
}

func (c *castellanNode) second(ctx context.Context) (contestant, error) {
	other := &castellanNode{hold: c.hold, w: c.w, dir: c.dir}
	if err := other.open(); err != nil {
		return nil, err
	}
	other.dir = "" // the first node's
	if err := other.warm(ctx); err != nil {
		return nil, errors.Join(err, other.close())
	}
	return other, nil
}

func (c *castellanNode) close() (err error) {
	if c.db != nil {
		pool, failed := c.db.DB()
		if failed == nil {
			failed = pool.Close()
		}
		err = failed
	}
	if c.dir != "" {
		err = errors.Join(err, os.RemoveAll(c.dir))
	}
	return err
}

// seed writes the world as rows, as an import from another system would: through the library each account would
// be a transaction with its event in the audit log, and the log of 100,000 of them.
func seed(ctx context.Context, db *gorm.DB, w *world) error {
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		rows := make(map[string][]map[string]any)
		add := func(table string, row map[string]any) error {
			if row != nil {
				rows[table] = append(rows[table], row)
			}
			if len(rows[table]) == 0 || row != nil && len(rows[table]) < 1000 {
				return nil
			}
			err := tx.Table(table).Create(rows[table]).Error
			rows[table] = nil
			return err
		}
		var errs []error
		for _, org := range w.orgs {
			errs = append(errs, add("iam_organizations", map[string]any{"id": org, "name": org, "created": 0, "revision": 1}))
		}
		errs = append(errs, add("iam_organizations", nil))
		for i := range w.accounts {
			a := &w.accounts[i]
			errs = append(errs, add("iam_accounts", map[string]any{
				"id": a.id, "org_id": a.org, "status": iam.Active, "email": a.id + "@" + a.org + ".example", "name": a.id,
				"username": "", "phone": "", "company": "", "note": "", "search": a.id, "created_by": "", "created": 0, "activated": 0, "updated": 0,
			}))
		}
		errs = append(errs, add("iam_accounts", nil))
		for i := range w.accounts {
			a := &w.accounts[i]
			for _, role := range a.roles {
				errs = append(errs, add("iam_account_roles", map[string]any{"org_id": a.org, "account_id": a.id, "role": role}))
			}
			for _, b := range a.bindings {
				errs = append(errs, add("iam_bindings", map[string]any{"org_id": a.org, "account_id": a.id, "project_id": b.project, "role": b.role}))
			}
		}
		errs = append(errs, add("iam_account_roles", nil), add("iam_bindings", nil))
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		return nil
	})
}
