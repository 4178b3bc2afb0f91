package signin_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-28: ten wrong passwords, then an hour, then ten again", tenThenAnHour)
		w.run("SB-28: what is right starts the count again", rightForgives)
		w.run("SB-29: a restart and other nodes share the count", nodesShareCount)
		w.run("SB-29: of a hundred guesses at once no more are hashed than allowed", hundredGuesses)
		w.run("SB-30: one count, however the address is written", oneCountForAccount)
		w.run("SB-32: one peer is slowed down, whatever it calls itself", peerForms)
		w.run("SB-33: guesses at other names forget nothing", floodForgetsNothing)
		w.run("SB-34: root is not locked out for ever", rootComesBack)
		w.run("SB-35: what cannot be counted is not tried", failsClosed)
	})
}

func tenThenAnHour(w *world) {
	p := w.organization(emqx.System()).account()
	for range 3 {
		p.guess(9)
		p.clock.advance(time.Minute)
		p.guess(1)
		// Locked: the right password is refused as well, to the millisecond, and nothing prolongs it.
		end := p.clock.now().Add(time.Hour)
		for _, wait := range []time.Duration{0, time.Hour - time.Millisecond} {
			p.clock.advance(wait)
			_, err := p.try(p.password)
			w.refused(err, iam.ErrThrottled)
			equal(w, "the end of the lock", until(err), end)
		}
		p.clock.advance(time.Millisecond)
	}
	p.signIn()
}

func rightForgives(w *world) {
	p := w.organization(emqx.System()).account()
	for range 3 {
		p.guess(9)
		p.signIn()
	}
	p.guess(10)
	w.refused(second(p.try(p.password)), iam.ErrThrottled)
}

func nodesShareCount(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	nodes := []*org{o, o.node(signin.Config{}), o.node(signin.Config{}).on(store.New(testdb.Again(w, w.db, &gorm.Config{})))}
	for n := range 10 {
		at := *p
		at.org = nodes[n%len(nodes)]
		at.guess(1)
	}
	for _, node := range append(nodes, o.node(signin.Config{})) {
		at := *p
		at.org = node
		w.refused(second(at.try(p.password)), iam.ErrThrottled)
	}
}

func hundredGuesses(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	var hashes atomic.Int64
	other := o.node(signin.Config{})
	for _, node := range []*org{o, other} {
		node.in.OnHash(func(signin.HashParams) { hashes.Add(1) })
	}
	all := make([]func() error, 100)
	for i := range all {
		at := *p
		if i%2 == 0 {
			at.org = other
		}
		all[i] = func() error { return second(at.try(iam.NewSecret("wrong"))) }
	}
	wrong := 0
	for _, err := range atOnce(all...) {
		switch {
		case errors.Is(err, signin.ErrCredentials):
			wrong++
		case !errors.Is(err, iam.ErrThrottled):
			w.Errorf("got the error %v", err)
		}
	}
	equal(w, "guesses that were made", wrong, 10)
	equal(w, "hashes", hashes.Load(), 10)
	equal(w, "events", len(p.about(iam.SignedIn)), 10)
	equal(w, "mails", len(p.mails(signin.MailLocked)), 1)
	w.refused(second(p.try(p.password)), iam.ErrThrottled)
	equal(w, "hashes during the lock", hashes.Load(), 10)
}

func oneCountForAccount(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	local, domain, _ := strings.Cut(p.email, "@")
	forms := []string{p.email, strings.ToUpper(local) + "@" + domain, local + "@" + strings.ToUpper(domain)}
	for n := range 10 {
		w.refused(second(o.enter(o.id, forms[n%len(forms)], iam.NewSecret("wrong"))), signin.ErrCredentials)
	}
	for _, form := range forms {
		w.refused(second(o.enter(o.id, form, p.password)), iam.ErrThrottled)
	}
	// Its guesses are nobody else's.
	o.account().signIn()
	o.sibling().root.signIn()
}

func peerForms(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 3}})
	var b [6]byte
	_, _ = rand.Read(b[:])
	v4 := netip.AddrFrom4([4]byte{10, b[0], b[1], b[2]})
	mapped := netip.AddrFrom16(v4.As16())
	network := [16]byte{0x20, 0x01, 0x0d, 0xb8, b[0], b[1], b[2], b[3]}
	host := func(last byte) netip.Addr {
		h := network
		h[8], h[15] = last, 1
		return netip.AddrFrom16(h)
	}
	next := network
	next[7]++
	for _, c := range []struct {
		what         string
		same, others []netip.Addr
	}{
		{"IPv4", []netip.Addr{v4, mapped}, []netip.Addr{v4.Next(), v4.Prev()}},
		{"IPv6", []netip.Addr{host(0), host(1), host(0xff), host(7).WithZone("eth0")}, []netip.Addr{netip.AddrFrom16(next)}},
	} {
		try := func(peer netip.Addr, agent string) error {
			ctx := iam.WithOrigin(w.Context(), iam.Origin{Peer: peer, Agent: agent, Request: "203.0.113.7"})
			return second(o.in.SignIn(ctx, signin.SignInParams{Org: o.id, Email: address("any"), Password: goodPassword()}))
		}
		for n := range 3 {
			w.refused(try(c.same[n%len(c.same)], fmt.Sprint("X-Forwarded-For: 198.51.100.", n)), signin.ErrCredentials)
		}
		for _, peer := range c.same {
			if err := try(peer, ""); !errors.Is(err, iam.ErrThrottled) {
				w.Errorf("%s: %s gets %v, want %v: it is the peer that was wrong", c.what, peer, err, iam.ErrThrottled)
			}
		}
		for _, peer := range c.others {
			w.refused(try(peer, ""), signin.ErrCredentials)
		}
		w.refused(try(netip.Addr{}, ""), signin.ErrCredentials)
		// Who is slowed down cannot sign in with the right password either; it counts nothing for the account.
		p := o.account()
		for range 11 {
			w.refused(second(o.in.SignIn(w.from(c.same[0]), signin.SignInParams{Org: o.id, Email: p.email, Password: p.password})), iam.ErrThrottled)
		}
		p.signIn()
		o.clock.advance(15 * time.Minute)
		w.refused(try(c.same[0], ""), signin.ErrCredentials)
		o.clock.advance(15 * time.Minute)
	}
}

func floodForgetsNothing(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 10_000}})
	p := o.account()
	p.guess(10)
	for range 100 {
		w.refused(second(o.enter(o.id, address("flood"), goodPassword())), signin.ErrCredentials)
	}
	w.ok(second(w.st.Sweep(w.Context(), o.clock.now())))
	w.refused(second(p.try(p.password)), iam.ErrThrottled)
}

func rootComesBack(w *world) {
	o := w.organization(emqx.System())
	o.root.guess(10)
	w.refused(second(o.root.try(o.root.password)), iam.ErrThrottled)
	// Whoever can read the mail gets in at once, and is counted anew.
	token := must(iam.NewToken(rand.Reader))(w)
	w.ok(w.st.WriteAside(w.Context(), o.id, func(tx iam.Tx) error {
		return tx.InsertToken(w.Context(), iam.TokenRecord{
			Hash: token.Hash(), Purpose: iam.ForReset, Org: o.id, Account: o.root.id, Email: iam.Email(o.root.email),
			Created: o.clock.now(), Expires: o.clock.now().Add(time.Hour),
		})
	}))
	o.root.password = goodPassword()
	opened := must(o.in.ResetPassword(o.ctx(), token, o.root.password))(w)
	equal(w, "in by the link", o.holds(opened.Token), true)
	o.root.signIn()

	// Those above an account unlock it, and nobody else does.
	admin, peer, user := o.account(emqx.Administrator), o.account(), o.account()
	for _, locked := range []*person{admin, user} {
		locked.guess(10)
	}
	w.refused(o.in.Unlock(o.ctx(), peer.actor(), user.id), iam.ErrForbidden)
	w.refused(o.in.Unlock(o.ctx(), o.sibling().root.actor(), user.id), iam.ErrNotFound)
	w.ok(o.in.Unlock(o.ctx(), o.root.actor(), admin.id))
	w.ok(o.in.Unlock(o.ctx(), admin.actor(), user.id))
	admin.signIn()
	user.signIn()
	equal(w, "events", len(user.about(iam.AccountUnlocked)), 1)
}

// brokenThrottle is a store that cannot count.
type brokenThrottle struct {
	iam.Store
	attempt, blocked error
}

func (s brokenThrottle) Attempt(ctx context.Context, key string, limit iam.Limit, now time.Time) (time.Time, error) {
	if s.attempt != nil {
		return time.Time{}, s.attempt
	}
	return s.Store.Attempt(ctx, key, limit, now)
}

func (s brokenThrottle) Blocked(ctx context.Context, key string, limit iam.Limit, now time.Time) (time.Time, error) {
	if s.blocked != nil {
		return time.Time{}, s.blocked
	}
	return s.Store.Blocked(ctx, key, limit, now)
}

func failsClosed(w *world) {
	o := w.organization(emqx.System())
	p := o.account()
	var hashes atomic.Int64
	o.in.OnHash(func(signin.HashParams) { hashes.Add(1) })
	broken := errors.New("the database is away")
	for _, st := range []brokenThrottle{{w.st, broken, nil}, {w.st, nil, broken}} {
		at := *p
		at.org = o.on(st)
		for _, password := range []iam.Secret{p.password, iam.NewSecret("wrong")} {
			opened, err := at.try(password)
			w.refused(err, broken)
			equal(w, "a token", opened.Token.IsZero(), true)
		}
	}
	equal(w, "hashes", hashes.Load(), 0)
	equal(w, "sessions", p.open(), 0)
	// What was not tried was not counted.
	p.guess(9)
	p.signIn()
}

// SB-07: who finds no place to hash in time is let in by no means, and has lost no attempt.
func TestBusyCountsNothing(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.organizationWith(emqx.System(), signin.Config{Parallel: 1})
		p, holder := o.account(), o.account()
		entered, leave := make(chan struct{}), make(chan struct{})
		var once atomic.Bool
		o.in.OnHash(func(signin.HashParams) {
			if once.CompareAndSwap(false, true) {
				close(entered)
				<-leave
			}
		})
		done := make(chan error)
		go func() { done <- second(holder.try(holder.password)) }()
		<-entered
		for range 20 {
			ctx, cancel := context.WithDeadline(o.ctx(), time.Now().Add(time.Millisecond))
			opened, err := o.in.SignIn(ctx, signin.SignInParams{Org: o.id, Email: p.email, Password: p.password})
			cancel()
			if !errors.Is(err, signin.ErrBusy) && !errors.Is(err, context.DeadlineExceeded) || !opened.Token.IsZero() {
				w.Errorf("got the error %v, want %v", err, signin.ErrBusy)
			}
		}
		close(leave)
		w.ok(<-done)
		equal(w, "sessions", p.open(), 0)
		equal(w, "events", len(p.about(iam.SignedIn)), 0)
		p.guess(9)
		p.signIn()
	})
}
