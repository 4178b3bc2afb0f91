// Package pgnotify lets the nodes of a host hear of each other's changes at once, over PostgreSQL's LISTEN and NOTIFY:
//
//	pool, err := db.DB() // of the *gorm.DB that the store is on
//	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{
//		MaxStaleness: 2 * time.Second,
//		Listener:     pgnotify.New(pool),
//	})
//	go svc.Run(ctx)
//
// It is a package of its own, for it imports the driver: pgx, which is GORM's for PostgreSQL.
package pgnotify

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

// Listener is an [iam.Listener] on a pool of connections to PostgreSQL.
type Listener struct{ pool *sql.DB }

var _ iam.Listener = (*Listener)(nil)

// New returns a listener on a pool whose driver is pgx, as GORM's is. It does nothing yet. While it listens, it keeps one
// of the pool's connections to itself. Behind a pooler of transactions, such as PgBouncer in that mode, nothing can be
// heard: give it a pool of its own there, that goes straight to the server.
func New(pool *sql.DB) *Listener { return &Listener{pool} }

const (
	// silence is how long nothing may be heard until the connection is tried: one that was cut off somewhere on its way
	// looks like one on which nobody says anything.
	silence = 15 * time.Second
	// patience is how long an answer to that may take.
	patience = 5 * time.Second
)

// Listen is described at [iam.Listener].
func (l *Listener) Listen(ctx context.Context, ready func(), heard func(org policy.OrgID, revision int64)) error {
	conn, err := l.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("pgnotify: %w", err)
	}
	defer conn.Close()
	// It is no connection for anybody else: what it has heard, and not told, would stay in it.
	_ = conn.Raw(func(c any) error {
		own, is := c.(*stdlib.Conn)
		if !is {
			err = fmt.Errorf("pgnotify: the pool's connections are %T: want those of pgx", c)
			return nil
		}
		err = listen(ctx, own.Conn(), ready, heard)
		return driver.ErrBadConn
	})
	return err
}

func listen(ctx context.Context, conn *pgx.Conn, ready func(), heard func(org policy.OrgID, revision int64)) error {
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{store.Channel}.Sanitize()); err != nil {
		return fmt.Errorf("pgnotify: listen: %w", err)
	}
	ready()
	for {
		waiting, cancel := context.WithTimeout(ctx, silence)
		said, err := conn.WaitForNotification(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && !conn.IsClosed():
			if err := ping(ctx, conn); err != nil {
				return fmt.Errorf("pgnotify: nothing comes through: %w", err)
			}
		case err != nil:
			return fmt.Errorf("pgnotify: %w", err)
		default:
			if org, revision, ok := parse(said.Payload); ok {
				heard(org, revision)
			}
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return conn.Ping(ctx)
}

// parse reads what Announce writes. What others may say on the channel is passed over.
func parse(payload string) (org policy.OrgID, revision int64, ok bool) {
	number, id, found := strings.Cut(payload, " ")
	revision, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil || revision <= 0 || id == "" {
		return "", 0, false
	}
	return policy.OrgID(id), revision, true
}
