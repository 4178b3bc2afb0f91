package outbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/sqlite"
	"github.com/castellan-iam/castellan/store/testdb"
)

// nodeEnv has the node that a process of this test's is to be.
const nodeEnv = "CASTELLAN_OUTBOX_NODE"

// node is a process of its own.
type node struct {
	Database, DSN string
	Post          string    // the address of the post
	Now           time.Time // its clock, which stands still
}

const killParallel = 4

// Processes are killed while they send, again and again: no mail is lost, and none goes out more often than
// once for each time that it was in the hands of one that was killed (SB-98).
func TestKilledNodes(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		const mails, kills = 120, 5
		ids := w.notices(w.org, w.root, mails)
		post := openPost(w)
		for range kills {
			before := post.count()
			process := w.start(node{Database: w.db.Name(), DSN: w.dsn(), Post: post.address, Now: w.clock.now()})
			post.wait(w.Context(), before+1+mails/kills/3)
			w.ok(process.Process.Kill()) // SIGKILL: nothing is put in order
			_ = process.Wait()
			w.clock.advance(6 * time.Minute) // what it has leased is free
		}
		out := w.outbox(w.svc, mailerFunc(func(_ context.Context, m iam.Message) (string, error) { return post.take(m.ID), nil }), outbox.Config{})
		must(out.SendDue(w.Context()))(w)
		twice := 0
		for _, id := range ids {
			n := post.times(string(id))
			if n < 1 || n > 1+kills {
				w.Errorf("the mail %s was sent %d times", id, n)
			}
			twice += n - 1
			if m := w.mail(id); m.State != iam.MailSent {
				w.Errorf("the mail %s is %s", id, m.State)
			}
		}
		if twice > kills*killParallel {
			w.Errorf("%d mails were sent again, by %d nodes that were killed with %d mails in their hands at most", twice, kills, killParallel)
		}
		if n := post.count() - mails; n != twice {
			w.Errorf("%d mails were sent that nobody had queued", n-twice)
		}
	})
}

// TestNode is no test: it is the process that TestKilledNodes kills.
func TestNode(t *testing.T) {
	var n node
	text := os.Getenv(nodeEnv)
	if text == "" {
		t.Skip("it is run by TestKilledNodes")
	}
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	svc := must(iam.New(store.New(must(n.open())(t)), emqx.System(), iam.Config{BaseURL: host, Now: func() time.Time { return n.Now }}))(t)
	out := must(outbox.New(svc, postMailer{n.Post}, outbox.Config{Parallel: killParallel}))(t)
	if err := out.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (n node) open() (*gorm.DB, error) {
	config := &gorm.Config{Logger: logger.Discard}
	switch n.Database {
	case testdb.Postgres:
		return gorm.Open(postgres.Open(n.DSN), config)
	case testdb.MySQL:
		return gorm.Open(mysql.Open(n.DSN), config)
	default:
		return sqlite.Open(n.DSN, config)
	}
}

// dsn is where another process finds the database.
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

// start runs a node in a process of its own.
func (w *world) start(n node) *exec.Cmd {
	w.Helper()
	program := must(os.Executable())(w)
	text := must(json.Marshal(n))(w)
	process := exec.Command(program, "-test.run=^TestNode$")
	process.Env = append(os.Environ(), nodeEnv+"="+string(text))
	w.ok(process.Start())
	return process
}

// post takes mails from other processes: a line with the id of each, which it answers.
type post struct {
	address string

	mu      sync.Mutex
	all     map[string]int
	n       int
	arrived chan struct{} // closed, and made anew, with each mail
}

func openPost(tb testing.TB) *post {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &post{address: listener.Addr().String(), all: map[string]int{}, arrived: make(chan struct{})}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				if id, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
					fmt.Fprintln(conn, p.take(id[:len(id)-1]))
				}
			})
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return p
}

// take takes a mail, and returns the reply.
func (p *post) take(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[id]++
	p.n++
	close(p.arrived)
	p.arrived = make(chan struct{})
	return "250 taken"
}

func (p *post) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func (p *post) times(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[id]
}

// wait waits for so many mails, or until ctx ends.
func (p *post) wait(ctx context.Context, n int) {
	for {
		p.mu.Lock()
		enough, arrived := p.n >= n, p.arrived
		p.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return
		}
	}
}

// postMailer hands mails to the post of another process.
type postMailer struct{ address string }

func (p postMailer) Send(ctx context.Context, m iam.Message) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, m.ID); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}
