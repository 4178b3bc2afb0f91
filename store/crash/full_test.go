package crash_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// A disk can be made such that nothing more can be written.
type disk interface {
	fill(s *scarcity)
	free(s *scarcity)
	// total reports whether not even a row can be changed in its place.
	total() bool
	// says is what every error of a call says then.
	says() string
}

// scarcity is a host on SQLite whose disk has no room.
type scarcity struct {
	*world
	*hand
	db     *gorm.DB
	disk   disk
	millis atomic.Int64
	token  iam.Token  // of a session
	key    iam.Secret // of root's
	least  policy.AccountID
}

// newScarcity opens the database on one connection, so that what is set on it holds for all.
func newScarcity(w *world, d disk) *scarcity {
	w.Helper()
	orgs := w.found(1)
	db, err := w.place.open()
	w.ok(err)
	pool, err := db.DB()
	w.ok(err)
	pool.SetMaxOpenConns(1)
	w.Cleanup(func() { _ = pool.Close() })
	s := &scarcity{world: w, db: db, disk: d}
	s.millis.Store(fast().UnixMilli())
	h, err := newHost(db, func() time.Time { return time.UnixMilli(s.millis.Load()) })
	w.ok(err)
	s.hand = &hand{host: h, process: "full.a", of: 1, chance: rand.New(rand.NewPCG(1, 2))}
	w.ok(s.recall(w.Context(), orgs[0]))
	s.settle()
	return s
}

// settle makes those who only look: somebody who is signed in, a key, and an account that may do next to nothing.
func (s *scarcity) settle() {
	s.Helper()
	for len(s.org().people) < 4 || s.token.IsZero() {
		for _, name := range []string{"CreateAccount", "Invite", "InvitationLink", "Accept", "SignIn"} {
			if c := s.plan(name, s.org()); c != nil {
				s.act(c)
			}
		}
		if p := s.someone(s.org(), signedIn); p != nil { // who is nobody else's from now on
			s.token = p.sessions[0]
			s.org().forget(p)
		}
	}
	sub, err := s.svc.Subject(s.Context(), s.org().root)
	s.ok(err)
	_, s.key, err = s.svc.As(sub).CreateAPIKey(s.Context(), keyParams("looks"))
	s.ok(err)
	account, _, err := s.svc.As(sub).CreateAccount(s.Context(), iam.CreateAccountParams{Roles: []policy.Role{emqx.ProjectUser}, Active: true})
	s.ok(err)
	s.least = account.ID
}

func (s *scarcity) org() *organization { return s.orgs[0] }

// act makes a call, which succeeds.
func (s *scarcity) act(c *call) {
	s.Helper()
	if _, _, err := s.run(s.Context(), c); err != nil {
		s.Fatalf("%s: %v", c.act, err)
	}
}

// prepare returns a call of that name, and does other things until there is what it needs.
func (s *scarcity) prepare(name string) *call {
	s.Helper()
	for range 10_000 {
		if c := s.plan(name, s.org()); c != nil {
			return c
		}
		if c := s.next(); c.org == s.org() {
			s.act(c)
		}
		s.millis.Add(time.Hour.Milliseconds() / 1000) // invitations are sent so often in an hour
	}
	s.Fatalf("%s never had what it needs", name)
	return nil
}

// whole tries every act on a disk that has no room, and again when it has.
func (s *scarcity) whole() {
	s.Helper()
	names, fitted := slices.Sorted(maps.Keys(acts)), 0
	// Last, for it changes who stands above the others.
	names = append(slices.DeleteFunc(names, func(name string) bool { return name == "AcceptRoot" }), "AcceptRoot")
	for n, name := range names {
		c := s.prepare(name)
		s.disk.fill(s)
		before := s.rows()
		_, throttled, err := s.run(s.Context(), c)
		switch {
		case throttled:
			s.Errorf("%s was refused as too many: the test proves nothing about it", name)
		case err == nil && !s.disk.total(): // into the pages that there are
			fitted++
			s.disk.free(s)
			continue
		case err == nil:
			s.Errorf("%s succeeded where there was no room", name)
		case !strings.Contains(err.Error(), s.disk.says()):
			s.Errorf("%s: got the error %q, want one that says %q", name, err, s.disk.says())
		case errors.Is(err, iam.ErrConflict), errors.Is(err, iam.ErrNotFound), errors.Is(err, iam.ErrInvalid), errors.Is(err, iam.ErrForbidden):
			s.Errorf("%s: the error %q is told as something else", name, err)
		}
		if after := s.rows(); after != before {
			s.Errorf("%s failed, and has changed:\n%s", name, firstLines(differentLines(before, after)))
		}
		if n%8 == 0 {
			s.looks()
		}
		s.disk.free(s)
		if _, _, err := s.run(s.Context(), c); err != nil {
			s.Errorf("%s when there was room again: %v", name, err)
		}
		if _, _, err := s.in.Session(s.Context(), s.token); err != nil { // so that its use is written down
			s.Errorf("a session when there was room again: %v", err)
		}
		if s.Failed() {
			return
		}
	}
	if s.Logf("%d of %d acts found room", fitted, len(names)); fitted > len(names)/3 {
		s.Error("the test proves nothing about too many of them")
	}
	s.disk.fill(s)
	s.looks()
	s.disk.free(s)
	system := s.svc.System("test").In(s.org().id)
	if _, err := system.VerifyEvents(s.Context(), iam.Checkpoint{}); err != nil {
		s.Error(err)
	}
	for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
		var said []string
		s.ok(s.db.Raw("PRAGMA " + pragma).Scan(&said).Error)
		if text := strings.Join(said, "; "); text != "" && text != "ok" {
			s.Errorf("%s: %s", pragma, text)
		}
	}
}

// looks wants that reading and deciding go on, refusals stay refusals, and no mail goes out that could not be
// written down as sent.
func (s *scarcity) looks() {
	s.Helper()
	s.millis.Add(2 * time.Minute.Milliseconds()) // so that the use of a session would be written
	ctx := iam.WithOrigin(s.Context(), iam.Origin{Peer: netip.MustParseAddr("192.0.2.7")})
	before := s.rows()
	sub, _, err := s.in.Session(ctx, s.token)
	if err != nil || sub.Status() != iam.Active {
		s.Errorf("a session: got %v (%v)", sub.Status(), err)
	}
	if _, _, err := s.in.Key(ctx, s.key); err != nil {
		s.Errorf("an API key: %v", err)
	}
	least, err := s.svc.Subject(ctx, s.least)
	s.ok(err)
	if s.svc.Can(least, emqx.SubaccountManage.Action(), emqx.Subaccount.Of(s.org().id)) {
		s.Error("somebody may do what they may not")
	}
	if _, _, err := s.svc.As(least).CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{emqx.Auditor}}); !errors.Is(err, iam.ErrForbidden) {
		s.Errorf("what somebody may not: got %v, want ErrForbidden", err)
	}
	root, err := s.svc.Subject(ctx, s.org().root)
	s.ok(err)
	if !s.svc.Can(root, emqx.SubaccountManage.Action(), emqx.Subaccount.Of(s.org().id)) {
		s.Error("root may not do what it may")
	}
	if _, err := s.svc.As(root).VerifyEvents(ctx, iam.Checkpoint{}); err != nil {
		s.Errorf("the log: %v", err)
	}
	if all, err := s.svc.As(root).Accounts(ctx, iam.AccountQuery{}); err != nil || len(all) == 0 {
		s.Errorf("the accounts: got %d (%v)", len(all), err)
	}
	if !s.disk.total() {
		return
	}
	sent := 0
	out, err := outbox.New(s.svc, mailerFunc(func(iam.Message) { sent++ }), outbox.Config{Product: "Test"})
	s.ok(err)
	if _, err := out.SendDue(ctx); err == nil || !strings.Contains(err.Error(), s.disk.says()) || sent > 0 {
		s.Errorf("the outbox: %d mails went out, and the error is %v", sent, err)
	}
	if after := s.rows(); after != before {
		s.Errorf("who only looked has changed:\n%s", firstLines(differentLines(before, after)))
	}
}

// firstLines is as much of a text as somebody reads.
func firstLines(text string) string {
	lines := strings.SplitN(text, "\n", 11)
	return strings.Join(lines[:min(10, len(lines))], "\n")
}

type mailerFunc func(m iam.Message)

func (f mailerFunc) Send(_ context.Context, m iam.Message) (string, error) {
	f(m)
	return "250 taken", nil
}

// rows is every row that there is, as text, but for the counters of guesses: a guess counts before it is known
// whether it was right.
func (s *scarcity) rows() string {
	s.Helper()
	tables, err := s.db.Migrator().GetTables()
	s.ok(err)
	slices.Sort(tables)
	var lines []string
	for _, table := range tables {
		if table == "iam_throttles" || !strings.HasPrefix(table, "iam_") && table != "host_projects" {
			continue
		}
		if table == "iam_events" { // the organisation's row has the hash of all of them
			var events int64
			s.ok(s.db.Table(table).Count(&events).Error)
			lines = append(lines, fmt.Sprint(table, " ", events))
			continue
		}
		var found []map[string]any
		s.ok(s.db.Table(table).Find(&found).Error)
		for _, row := range found {
			delete(row, "asides")                              // it counts looks too
			lines = append(lines, fmt.Sprint(table, " ", row)) // fmt sorts the columns
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// smallest makes the smallest event that there is.
var smallest = iam.RecordParams{Type: "x"}

// fewPages is a database that may not have more pages than it has, and no room in those for one more event.
type fewPages struct{}

func (fewPages) total() bool  { return false }
func (fewPages) says() string { return "database or disk is full" }

func (fewPages) fill(s *scarcity) {
	s.Helper()
	var pages int
	s.ok(s.db.Raw("PRAGMA page_count").Scan(&pages).Error)
	s.ok(s.db.Raw(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&pages).Error)
	sub, err := s.svc.Subject(s.Context(), s.org().root)
	s.ok(err)
	actors := []iam.Actor{s.svc.System("").In(s.org().id), s.svc.As(sub)}
	// Each event fits into other pages of the indexes: only when many in a row did not, there is no room for any.
	for tried, failed := 0, 0; failed < 20; tried++ {
		params := smallest
		if tried%4 > 1 {
			params.Target = fmt.Sprint(s.chance.Uint64())
		}
		if failed++; actors[tried%2].Record(s.Context(), params) == nil {
			failed = 0
		}
	}
}

func (fewPages) free(s *scarcity) {
	s.Helper()
	var pages int
	s.ok(s.db.Raw("PRAGMA max_page_count = 1000000").Scan(&pages).Error)
}

// readOnly is a database that may be read only.
type readOnly struct{}

func (readOnly) total() bool  { return true }
func (readOnly) says() string { return "attempt to write a readonly database" }

func (readOnly) fill(s *scarcity) {
	s.Helper()
	s.ok(s.db.Exec("PRAGMA query_only = 1").Error)
}

func (readOnly) free(s *scarcity) {
	s.Helper()
	s.ok(s.db.Exec("PRAGMA query_only = 0").Error)
}

// A database that has no room fails every call with the database's own words, and leaves nothing of it: reading and
// deciding go on, and when there is room again the same call succeeds. So does one that is read only.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, database string
		disk           disk
	}{
		{"no page left", testdb.SQLite, fewPages{}},
		{"no page left, with a rollback journal", rollback, fewPages{}},
		{"read only", testdb.SQLite, readOnly{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			newScarcity(newWorld(t, tt.database), tt.disk).whole()
		})
	}
}

// Every method of an Actor that changes something is an act.
func TestActsKnowEveryMethod(t *testing.T) {
	t.Parallel()
	actor := reflect.TypeFor[iam.Actor]()
	for i := range actor.NumMethod() {
		name := actor.Method(i).Name
		if _, known := acts[name]; known == isRead(name) {
			t.Errorf("%s: want an act, or a place among the reads", name)
		}
	}
}
