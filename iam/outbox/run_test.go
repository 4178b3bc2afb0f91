package outbox_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
)

// unwanted is a store without a database, for the bubbles in which Run's timers are tested: its mails are about
// accounts that are no more, and so are ended as soon as they are begun.
type unwanted struct {
	iam.Store
	lease func(limit int) ([]iam.Mail, error)
	begin func()       // when a mail is tried; nil for nothing
	end   func() error // when a mail is ended; nil for nothing
}

func (s *unwanted) LeaseMails(_ context.Context, _ string, _, _ time.Time, limit int) ([]iam.Mail, error) {
	return s.lease(limit)
}

func (s *unwanted) MailServer(context.Context, policy.OrgID) (iam.MailServer, error) {
	if s.begin != nil {
		s.begin()
	}
	return iam.MailServer{}, iam.ErrNotFound
}

func (s *unwanted) RootByEmail(ctx context.Context, _ iam.Email) (iam.Account, error) {
	if err := ctx.Err(); err != nil {
		return iam.Account{}, err
	}
	return iam.Account{}, iam.ErrNotFound
}

func (s *unwanted) EndMail(ctx context.Context, _ string, m iam.Mail) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if m.State != iam.MailDropped {
		return false, errors.New("this mail is unwanted, and not " + string(m.State))
	}
	if s.end != nil {
		if err := s.end(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// outbox is one that uses the store, with the defaults of Config.
func (s *unwanted) outbox(tb testing.TB, log io.Writer, parallel int) *outbox.Outbox {
	tb.Helper()
	svc := must(iam.New(s, emqx.System(), iam.Config{BaseURL: host}))(tb)
	return must(outbox.New(svc, new(counter), outbox.Config{Logger: slog.New(slog.NewTextHandler(log, nil)), Parallel: parallel}))(tb)
}

var errAway = errors.New("the database is away")

// Run looks for mails at each Poll and when it is woken, asks a database again that was away, and ends with ctx.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var looks []time.Duration
		log := new(logged)
		s := &unwanted{lease: func(int) ([]iam.Mail, error) {
			looks = append(looks, time.Since(start))
			if n := len(looks); n == 2 || n == 3 {
				return nil, errAway
			}
			return nil, nil
		}}
		out := s.outbox(t, log, 0)
		out.Wake() // is kept for the Run to come
		out.Wake()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- out.Run(ctx) }()
		time.AfterFunc(5*time.Second, out.Wake)
		time.AfterFunc(8*time.Second, cancel)
		if err := <-ended; err != nil {
			t.Errorf("got the error %v, want none", err)
		}
		if took := time.Since(start); took != 8*time.Second {
			t.Errorf("Run ended after %s, want with its ctx", took)
		}
		want := []time.Duration{0, 0, 2 * time.Second, 4 * time.Second, 5 * time.Second, 7 * time.Second}
		if len(looks) != len(want) {
			t.Fatalf("Run looked at %v, want %v", looks, want)
		}
		for i := range want {
			if looks[i] != want[i] {
				t.Errorf("Run looked at %v, want %v", looks, want)
			}
		}
		if n := strings.Count(log.String(), errAway.Error()); n != 2 {
			t.Errorf("the log says %d times that the database is away, want 2:\n%s", n, log)
		}
	})
}

// What is begun when ctx ends is finished, and nothing else is begun.
func TestRunFinishesWhatItHasBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		begun, ended := 0, 0
		release := make(chan struct{})
		s := &unwanted{
			lease: func(limit int) ([]iam.Mail, error) { return make([]iam.Mail, limit), nil },
			begin: func() {
				mu.Lock()
				begun++
				mu.Unlock()
				<-release
			},
			end: func() error {
				mu.Lock()
				defer mu.Unlock()
				ended++
				return nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.outbox(t, io.Discard, 3).Run(ctx)
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		select {
		case <-done:
			t.Error("Run left mails behind")
		default:
		}
		close(release)
		<-done
		if begun != 3 || ended != 3 {
			t.Errorf("%d mails were begun and %d ended, want 3 of both", begun, ended)
		}
	})
}

// One mail that hangs keeps one worker, and no other mail waits for it.
func TestMailThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		left, ended := 20, 0
		release, first := make(chan struct{}), true
		s := &unwanted{
			lease: func(limit int) ([]iam.Mail, error) {
				n := min(limit, left)
				left -= n
				return make([]iam.Mail, n), nil
			},
			begin: func() {
				mu.Lock()
				mine := first
				first = false
				mu.Unlock()
				if mine {
					<-release
				}
			},
			end: func() error {
				mu.Lock()
				defer mu.Unlock()
				ended++
				return nil
			},
		}
		done := make(chan int)
		go func() { done <- must(s.outbox(t, io.Discard, 2).SendDue(t.Context()))(t) }()
		synctest.Wait()
		if ended != 19 {
			t.Errorf("%d mails went out beside the one that hangs, want 19", ended)
		}
		close(release)
		if n := <-done; n != 20 {
			t.Errorf("%d mails were tried, want 20", n)
		}
	})
}

// What was sent is written down as soon as the database is back, as long as the mail is leased: else it would
// go out again.
func TestDatabaseIsAwayBehindTheMail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		back int // tries of the database until it is back
		want time.Duration
		err  error
	}{
		{"and comes back", 30, time.Minute, nil},
		{"and stays away", 1000, 5*time.Minute - 2*time.Second, errAway},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries, leased := 0, false
				s := &unwanted{
					lease: func(int) ([]iam.Mail, error) {
						if leased {
							return nil, nil
						}
						leased = true
						return make([]iam.Mail, 1), nil
					},
					end: func() error {
						if tries++; tries <= c.back {
							return errAway
						}
						return nil
					},
				}
				start := time.Now()
				_, err := s.outbox(t, io.Discard, 0).SendDue(t.Context())
				if took := time.Since(start); took != c.want || !errors.Is(err, c.err) || err != nil && c.err == nil {
					t.Errorf("after %s: %v; want %v after %s", took, err, c.err, c.want)
				}
			})
		})
	}
}

// A mail that this process has queued goes out at once when the host says so.
func TestWake(t *testing.T) {
	t.Parallel()
	w := onSQLite(t, emqx.System())
	server := smtptest.Start(w)
	out := w.through(server)
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() { w.ok(out.Run(ctx)) })
	for n := range 3 {
		w.invite(address("bob"))
		out.Wake()
		must(server.Wait(w.Context(), n+1))(w)
	}
	cancel()
	running.Wait()
	all := must(w.st.Mails(w.Context(), w.org, iam.MailQuery{State: iam.MailSent}))(w)
	if len(all) != 3 {
		w.Errorf("%d mails are written down as sent, want 3", len(all))
	}
}

// An organisation whose server hangs leaves a worker to the others, once that is known.
func TestSlowOrganization(t *testing.T) {
	t.Parallel()
	w := onSQLite(t, emqx.System())
	slow, slowRoot := w.organization("Slow")
	hung := w.notices(slow, slowRoot, 50)
	began, release, quick := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	isHung := map[string]bool{}
	for _, id := range hung {
		isHung[string(id)] = true
	}
	out := w.outbox(w.svc, mailerFunc(func(_ context.Context, m iam.Message) (string, error) {
		if !isHung[m.ID] {
			quick <- struct{}{}
			return "250 taken", nil
		}
		began <- struct{}{}
		<-release
		return "", errors.New("the server does not answer")
	}), outbox.Config{Parallel: 3})
	ctx, cancel := context.WithCancel(w.Context())
	var running sync.WaitGroup
	running.Go(func() { w.ok(out.Run(ctx)) })
	for range 3 {
		<-began // nothing is known yet
	}
	w.notices(w.org, w.root, 1) // behind the other 47
	w.clock.advance(time.Minute)
	for range 3 {
		release <- struct{}{}
	}
	<-began
	<-began
	select {
	case <-quick:
	case <-began:
		w.Error("the slow organisation takes the last worker too")
	}
	cancel()
	go func() {
		for range began {
		}
	}()
	close(release)
	running.Wait()
	close(began)
}
