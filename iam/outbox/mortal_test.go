package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

var errDead = errors.New("this node is dead")

// mortal is the store of a node that can die: nothing that it does reaches the database from then on. Before and
// behind each of the calls of an outbox, by its name, the test may do something.
type mortal struct {
	iam.Store
	dead          atomic.Bool
	before, after map[string]func()
}

func newMortal(st iam.Store) *mortal {
	return &mortal{Store: st, before: map[string]func(){}, after: map[string]func(){}}
}

// call does what a living node does.
func (m *mortal) call(name string, do func() error) error {
	if f := m.before[name]; f != nil && !m.dead.Load() {
		f()
	}
	if m.dead.Load() {
		return errDead
	}
	err := do()
	if f := m.after[name]; f != nil {
		f()
	}
	if m.dead.Load() {
		return errDead
	}
	return err
}

func (m *mortal) LeaseMails(ctx context.Context, lease string, now, until time.Time, limit int) (mails []iam.Mail, err error) {
	err = m.call("LeaseMails", func() (err error) {
		mails, err = m.Store.LeaseMails(ctx, lease, now, until, limit)
		return err
	})
	return mails, err
}

func (m *mortal) MailServer(ctx context.Context, org policy.OrgID) (server iam.MailServer, err error) {
	err = m.call("MailServer", func() (err error) {
		server, err = m.Store.MailServer(ctx, org)
		return err
	})
	return server, err
}

func (m *mortal) WriteAside(ctx context.Context, org policy.OrgID, do func(tx iam.Tx) error) error {
	return m.call("WriteAside", func() error { return m.Store.WriteAside(ctx, org, do) })
}

func (m *mortal) EndMail(ctx context.Context, lease string, mail iam.Mail) (held bool, err error) {
	err = m.call("EndMail", func() (err error) {
		held, err = m.Store.EndMail(ctx, lease, mail)
		return err
	})
	return held, err
}
