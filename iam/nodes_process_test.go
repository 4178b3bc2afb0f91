package iam_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/pgnotify"
	"github.com/castellan-iam/castellan/store/sqlite"
	"github.com/castellan-iam/castellan/store/testdb"
)

// nodeEnv has the node that a process of this test's is to be.
const nodeEnv = "CASTELLAN_IAM_NODE"

// nodeParams are what a process of its own is told.
type nodeParams struct {
	Database, DSN string
	Bound         time.Duration
	Clock         time.Duration // how far its clock is off
	Org           policy.OrgID
	Accounts      []policy.AccountID
}

// nodeLine is what a node says, one a line: that it is ready, that an account may no more, that it could not say
// for the first time since it could, and at its end everything that it has seen.
type nodeLine struct {
	Ready   bool             `json:",omitempty"`
	Denied  policy.AccountID `json:",omitempty"`
	At      time.Time
	Unknown bool      `json:",omitempty"`
	Seen    *nodeSeen `json:",omitempty"`
}

// nodeSeen is when a node asked about an account for the last time that it let it in.
type nodeSeen struct {
	Asked   int
	Allowed map[policy.AccountID]time.Time
}

// TestFreshNode is no test: it is a process of TestNodes.
func TestFreshNode(t *testing.T) {
	text := os.Getenv(nodeEnv)
	if text == "" {
		t.Skip("it is run by TestNodes")
	}
	var p nodeParams
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	config := iam.Config{MaxStaleness: p.Bound, Logger: slog.New(slog.DiscardHandler)}
	if p.Clock != 0 {
		config.Now = func() time.Time { return time.Now().Add(p.Clock) }
	}
	db := must(p.open())(t)
	pool := must(db.DB())(t)
	if p.Database == testdb.Postgres {
		config.Listener = pgnotify.New(pool)
	}
	svc := must(iam.New(store.New(db), emqx.System(), config))(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = svc.Run(ctx) })
	p.watch(ctx, svc)
	cancel()
	running.Wait()
	_ = pool.Close()
}

// watch asks about every account again and again, until the standard input ends, and says what it sees.
func (p nodeParams) watch(ctx context.Context, svc *iam.Service) {
	out := json.NewEncoder(os.Stdout)
	enough := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(enough)
	}()
	seen := nodeSeen{Allowed: map[policy.AccountID]time.Time{}}
	denied := map[policy.AccountID]bool{}
	unknown := false
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for round := 0; ; round++ {
		failed := false
		for _, id := range p.Accounts {
			asking, cancel := context.WithTimeout(ctx, p.Bound)
			at := time.Now()
			d := svc.Check(asking, id, emqx.Manage, emqx.Subaccount.Of(p.Org))
			cancel()
			seen.Asked++
			switch {
			case d.Allowed():
				seen.Allowed[id] = at
			case d.Reason == policy.Unavailable:
				failed = true
			case !denied[id]:
				denied[id] = true
				_ = out.Encode(nodeLine{Denied: id, At: at})
			}
		}
		if failed && !unknown {
			_ = out.Encode(nodeLine{Unknown: true})
		}
		unknown = failed
		if round == 0 {
			_ = out.Encode(nodeLine{Ready: true})
		}
		select {
		case <-enough:
			_ = out.Encode(nodeLine{Seen: &seen})
			return
		case <-ticker.C:
		}
	}
}

func (p nodeParams) open() (*gorm.DB, error) {
	config := &gorm.Config{Logger: logger.Discard}
	switch p.Database {
	case testdb.Postgres:
		return gorm.Open(postgres.Open(p.DSN), config)
	case testdb.MySQL:
		return gorm.Open(mysql.Open(p.DSN), config)
	default:
		return sqlite.Open(p.DSN, config)
	}
}

// nodeProcess is a node that runs.
type nodeProcess struct {
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
	lines chan nodeLine // closed when the process has ended
}

// startNode starts a node, and waits until it has everybody in memory.
func (w *world) startNode(name string, p nodeParams) *nodeProcess {
	w.Helper()
	text := must(json.Marshal(p))(w)
	cmd := exec.Command(must(os.Executable())(w), "-test.run=^TestFreshNode$")
	cmd.Env = append(os.Environ(), nodeEnv+"="+string(text))
	stdin := must(cmd.StdinPipe())(w)
	stdout := must(cmd.StdoutPipe())(w)
	w.ok(cmd.Start())
	n := &nodeProcess{name: name, cmd: cmd, stdin: stdin, lines: make(chan nodeLine, 10_000)}
	go func() {
		defer close(n.lines)
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			var line nodeLine
			if json.Unmarshal(scanner.Bytes(), &line) == nil { // and not what the testing package says
				n.lines <- line
			}
		}
	}()
	w.Cleanup(func() { _ = n.kill() })
	n.await(w, func(line nodeLine) bool { return line.Ready })
	return n
}

// await passes lines over until one is as wanted.
func (n *nodeProcess) await(w *world, wanted func(line nodeLine) bool) nodeLine {
	w.Helper()
	for line := range n.lines {
		if wanted(line) {
			return line
		}
	}
	w.Fatalf("the node %s has ended", n.name)
	return nodeLine{}
}

// kill ends the process with SIGKILL.
func (n *nodeProcess) kill() error {
	_ = n.cmd.Process.Kill()
	_ = n.stdin.Close()
	return n.cmd.Wait()
}

// finish lets the node end, and returns what it has seen.
func (n *nodeProcess) finish(w *world) nodeSeen {
	w.Helper()
	w.ok(n.stdin.Close())
	seen := n.await(w, func(line nodeLine) bool { return line.Seen != nil }).Seen
	w.ok(n.cmd.Wait())
	return *seen
}

// wire is a stretch of network between a node and its database, which can be cut.
type wire struct {
	listener net.Listener
	target   string
	busy     sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

func newWire(w *world, target string) *wire {
	w.Helper()
	listener := must(net.Listen("tcp", "127.0.0.1:0"))(w)
	x := &wire{listener: listener, target: target, conns: map[net.Conn]bool{}}
	x.busy.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			x.busy.Go(func() { x.carry(conn) })
		}
	})
	w.Cleanup(func() {
		_ = listener.Close()
		x.setCut(true)
		x.busy.Wait()
	})
	return x
}

func (x *wire) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", x.target)
	if err != nil {
		return
	}
	defer far.Close()
	x.mu.Lock()
	if x.cut {
		x.mu.Unlock()
		return
	}
	x.conns[near], x.conns[far] = true, true
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.conns, near)
		delete(x.conns, far)
		x.mu.Unlock()
	}()
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = near.Close(), far.Close()
	}
	both.Go(func() { pass(far, near) })
	both.Go(func() { pass(near, far) })
	both.Wait()
}

// setCut cuts the wire, with everything that is on it, or mends it.
func (x *wire) setCut(cut bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cut = cut
	if cut {
		for conn := range x.conns {
			_ = conn.Close()
		}
	}
}

// dsn is where another process finds the database, and wired leads there over a wire.
func (w *world) dsn() string {
	w.Helper()
	switch dialector := w.db.Dialector.(type) {
	case *postgres.Dialector:
		return dialector.DSN
	case *mysql.Dialector:
		return dialector.DSN
	}
	var files []struct{ File string }
	w.ok(w.db.Raw("PRAGMA database_list").Scan(&files).Error)
	return files[0].File
}

// wired is the data source name over a wire, or an error where its form is another than the tests' own.
func wired(w *world, dsn string) (string, *wire, error) {
	w.Helper()
	for _, form := range []struct{ address, name, by string }{
		{"127.0.0.1:5432", "host=127.0.0.1", "host=127.0.0.1 port=%s"},
		{"127.0.0.1:3306", "tcp(127.0.0.1:3306)", "tcp(127.0.0.1:%s)"},
	} {
		if strings.Contains(dsn, form.name) && !strings.Contains(dsn, "port=") {
			x := newWire(w, form.address)
			_, port, err := net.SplitHostPort(x.listener.Addr().String())
			return strings.Replace(dsn, form.name, fmt.Sprintf(form.by, port), 1), x, err
		}
	}
	return "", nil, errors.New("no address is known in it")
}
