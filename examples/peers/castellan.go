package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

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
	const lists, nodes = "Reach, and WhoCan from the database", "reads the database"
	return []entry{
		{name: "Castellan, Subject at hand", class: ours, knows: known, lists: lists, nodes: "by the next request", perRequest: true,
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
	hot                   // in the service's memory, MaxStaleness old at most
	atHand                // loaded earlier in the same request: what the second button of a page costs
)

// staleness is how old a hot subject may be: what another node has changed is seen by then.
const staleness = time.Second

// castellanNode decides from a SQLite database.
type castellanNode struct {
	hold holding
	w    *world
	dir  string
	db   *gorm.DB
	svc  *iam.Service
	subs []iam.Subject // of atHand, in the order of the world

	running sync.WaitGroup
	stop    context.CancelFunc
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

// open opens the database, and lets the service keep what is in its memory fresh.
func (c *castellanNode) open() (err error) {
	if c.db, err = sqlite.Open(filepath.Join(c.dir, "world.db"), &gorm.Config{Logger: logger.Discard}); err != nil {
		return err
	}
	var config iam.Config
	if c.hold == hot {
		config.MaxStaleness = staleness
	}
	if c.svc, err = iam.New(store.New(c.db), emqx.System(), config); err != nil {
		return err
	}
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	c.running.Go(func() { _ = c.svc.Run(ctx) }) // nil when it is stopped, and what fails before is logged
	return nil
}

// warm asks once for every subject.
func (c *castellanNode) warm(ctx context.Context) error {
	if c.hold == cold {
		return nil
	}
	for i := range c.w.accounts {
		sub, err := c.svc.Subject(ctx, policy.AccountID(c.w.accounts[i].id))
		if err != nil {
			return err
		}
		if c.hold == atHand {
			c.subs = append(c.subs, sub)
		}
	}
	return nil
}

func (c *castellanNode) subject(ctx context.Context, account string, at int) (iam.Subject, error) {
	if c.hold == atHand {
		return c.subs[at], nil
	}
	return c.svc.Subject(ctx, policy.AccountID(account))
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

func (c *castellanNode) second(context.Context) (contestant, error) {
	other := &castellanNode{hold: c.hold, w: c.w, dir: c.dir}
	if err := other.open(); err != nil {
		return nil, err
	}
	other.dir = "" // the first node's
	return other, nil
}

func (c *castellanNode) close() (err error) {
	if c.stop != nil {
		c.stop()
		c.running.Wait()
	}
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
