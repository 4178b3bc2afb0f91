package signin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E18: who has the key acts for its account within its scope", keyLetsIn)
		w.run("SB-64, SB-71: what a key is worth follows its account with the next request", keyFollowsAccount)
		w.run("what is no key is ErrKey, whatever is wrong with it, and is in the log", badKeys)
		w.run("SB-32: wrong keys are throttled by peer, and right ones are not", wrongKeysThrottled)
		w.run("a key is used no more often than its limit", keyLimit)
		w.run("the last use is written once a minute", keyLastUse)
		w.run("SB-35: a key that cannot be read is none", keysFailClosed)
	})
}

// apiKey makes a key of the person's, with permissions in all projects.
func (p *person) apiKey(permissions ...policy.Permission) (iam.APIKey, iam.Secret) {
	p.Helper()
	k, secret, err := p.actor().CreateAPIKey(p.Context(), iam.APIKeyParams{Scope: policy.Scope{Permissions: permissions, AllProjects: true}})
	p.ok(err)
	return k, secret
}

// canByKey reports whether a key may do something in project p1, and not at all when it lets nobody in.
func (o *org) canByKey(secret iam.Secret, name policy.Permission) bool {
	o.Helper()
	sub, _, err := o.in.Key(o.ctx(), secret)
	if err != nil {
		o.refused(err, signin.ErrKey)
		return false
	}
	return o.svc.Can(sub, name.Action(), name.Kind().In(o.id, "p1").Named("d1"))
}

func keyLetsIn(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	k, secret := admin.apiKey(emqx.DeploymentView)
	sub, info, err := o.in.Key(o.ctx(), secret)
	w.ok(err)
	equal(w, "account", sub.ID(), admin.id)
	equal(w, "key", sub.Key(), k.ID)
	equal(w, "info", info.ID, k.ID)
	equal(w, "SB-70: the hash", info.Hash, "")
	equal(w, "in its scope", o.canByKey(secret, emqx.DeploymentView), true)
	equal(w, "beyond it", o.canByKey(secret, emqx.DeploymentDelete), false)
	equal(w, "on another node", o.node(signin.Config{}).canByKey(secret, emqx.DeploymentView), true)
}

func keyFollowsAccount(w *world) {
	o := w.organization(emqx.System())
	node := o.node(signin.Config{})
	for what, tt := range map[string]struct {
		change func(p *person, k iam.APIKey) error
		in     bool // is the key let in at all?
	}{
		"disabled": {func(p *person, _ iam.APIKey) error { return second(o.system().Disable(o.Context(), p.id)) }, false},
		"deleted":  {func(p *person, _ iam.APIKey) error { return o.system().Delete(o.Context(), p.id) }, false},
		"key deleted": {func(p *person, k iam.APIKey) error {
			return o.root.actor().DeleteAPIKey(o.Context(), k.ID)
		}, false},
		"demoted": {func(p *person, _ iam.APIKey) error {
			_, _, err := o.system().SetRoles(o.Context(), p.id, emqx.Accountant)
			return err
		}, true},
		"scope edited": {func(p *person, k iam.APIKey) error {
			scope := policy.Scope{Permissions: []policy.Permission{emqx.TicketView}, AllProjects: true}
			return second(p.actor().UpdateAPIKey(o.Context(), k.ID, iam.APIKeyParams{Scope: scope}))
		}, true},
	} {
		p := o.account(emqx.Administrator)
		k, secret := p.apiKey(emqx.DeploymentRename, emqx.TicketView)
		equal(w, what+": before", node.canByKey(secret, emqx.DeploymentRename), true)
		w.ok(tt.change(p, k))
		equal(w, what+": after", node.canByKey(secret, emqx.DeploymentRename), false)
		_, _, err := node.in.Key(o.ctx(), secret)
		equal(w, what+": is let in", err == nil, tt.in)
	}
	p := o.account(emqx.Administrator)
	_, secret := p.apiKey(emqx.DeploymentView)
	p.signIn()
	w.ok(o.in.SetPassword(o.ctx(), o.root.actor(), p.id, goodPassword()))
	equal(w, "a new password leaves keys alone", o.canByKey(secret, emqx.DeploymentView), true)
	must(o.system().Disable(w.Context(), p.id))(w)
	must(o.system().Enable(w.Context(), p.id))(w)
	equal(w, "enabled again", o.canByKey(secret, emqx.DeploymentView), true)
}

func badKeys(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 1000, Pause: time.Minute}})
	admin := o.account(emqx.Administrator)
	k, secret := admin.apiKey(emqx.DeploymentView)
	id, token, _ := strings.Cut(secret.Reveal(), ".")
	_, othersSecret := admin.apiKey(emqx.DeploymentView)
	_, othersToken, _ := strings.Cut(othersSecret.Reveal(), ".")
	ending, endingSecret, err := admin.actor().CreateAPIKey(w.Context(), iam.APIKeyParams{
		Scope: policy.Scope{Permissions: []policy.Permission{emqx.DeploymentView}, AllProjects: true}, Expires: o.clock.now().Add(time.Minute),
	})
	w.ok(err)
	disabled := o.account(emqx.Administrator)
	resting, restingSecret := disabled.apiKey(emqx.DeploymentView)
	must(o.system().Disable(w.Context(), disabled.id))(w)
	session := admin.signIn()
	letter := strings.IndexFunc(token, unicode.IsLetter)
	flipped := token[:letter] + string(token[letter]^0x20) + token[letter+1:]
	o.clock.advance(time.Minute - time.Millisecond)
	equal(w, "SB-14: a millisecond before its end", o.canByKey(endingSecret, emqx.DeploymentView), true)
	o.clock.advance(time.Millisecond)
	for _, tt := range []struct{ what, presented, key, why string }{
		{"nothing", "", "", ""},
		{"an id alone", id, "", ""},
		{"a secret alone", "." + token, "", ""},
		{"no secret", id + ".", "", ""},
		{"a key that there is not", "none." + token, "", ""},
		{"an id that cannot be stored", "\x00." + token, "", ""},
		{"the token of a session", session.Token.Reveal(), "", ""},
		{"the token of a session behind the id", id + "." + session.Token.Reveal(), string(k.ID), "the secret is wrong"},
		{"another's secret", id + "." + othersToken, string(k.ID), "the secret is wrong"},
		{"SB-23: the secret in another case", id + "." + flipped, string(k.ID), "the secret is wrong"},
		{"the hash", id + "." + string(must(o.st.APIKey(w.Context(), o.id, k.ID))(w).Hash), "", ""},
		{"more behind it", secret.Reveal() + " ", "", ""},
		{"one that has expired", endingSecret.Reveal(), string(ending.ID), "the key has expired"},
		{"one of a disabled account", restingSecret.Reveal(), string(resting.ID), "the account is disabled"},
	} {
		before := len(o.events(iam.APIKeyUsed))
		_, _, err := o.in.Key(o.ctx(), iam.NewSecret(tt.presented))
		if !errors.Is(err, signin.ErrKey) || !errors.Is(err, iam.ErrNotFound) || err.Error() != signin.ErrKey.Error() {
			w.Errorf("%s: got the error %v, want ErrKey alone", tt.what, err)
		}
		events := o.events(iam.APIKeyUsed)[before:]
		if tt.key == "" {
			equal(w, tt.what+": events", len(events), 0)
			continue
		}
		if len(events) != 1 || events[0].Outcome != iam.Failed || events[0].Actor != "" || value(events[0], "key") != tt.key || value(events[0], "why") != tt.why {
			w.Errorf("%s: got the events %+v, want one of a failure with the key %s because %s", tt.what, events, tt.key, tt.why)
		}
	}
	equal(w, "the right one", o.canByKey(secret, emqx.DeploymentView), true)
	equal(w, "the other", o.canByKey(othersSecret, emqx.DeploymentView), true)
	equal(w, "events of failures alone", len(o.events(iam.APIKeyUsed)), 5)

	// And the reverse: what signs in takes no key.
	equal(w, "a key as a session", o.holds(iam.ParseToken(secret.Reveal())) || o.holds(iam.ParseToken(token)), false)
	_, err = admin.try(secret)
	w.refused(err, signin.ErrCredentials)
	_, err = admin.try(iam.NewSecret(token))
	w.refused(err, signin.ErrCredentials)
}

func wrongKeysThrottled(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{PeerLimit: iam.Limit{Attempts: 3, Pause: time.Hour}})
	admin := o.account(emqx.Administrator)
	k, secret := admin.apiKey(emqx.DeploymentView)
	wrong := iam.NewSecret(string(k.ID) + "." + must(iam.NewToken(o.svc.Rand()))(w).Reveal())
	for range 3 {
		w.refused(third(o.in.Key(o.ctx(), wrong)), signin.ErrKey)
	}
	for range 3 {
		_, _, err := o.in.Key(o.ctx(), wrong)
		w.refused(err, iam.ErrThrottled)
		equal(w, "until", until(err), o.clock.now().Add(time.Hour))
	}
	equal(w, "events", len(o.events(iam.APIKeyUsed)), 3)
	equal(w, "the right one from there", o.canByKey(secret, emqx.DeploymentView), true)
	w.refused(third(o.in.Key(o.from(randomPeer()), wrong)), signin.ErrKey)
	_, err := admin.try(goodPassword())
	w.refused(err, signin.ErrCredentials) // passwords are counted on their own
	o.clock.advance(time.Hour)
	w.refused(third(o.in.Key(o.ctx(), wrong)), signin.ErrKey)
}

func keyLimit(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{KeyLimit: iam.Limit{Attempts: 2, Pause: time.Second}})
	admin := o.account(emqx.Administrator)
	_, secret := admin.apiKey(emqx.DeploymentView)
	_, another := admin.apiKey(emqx.DeploymentView)
	o.clock.advance(300 * time.Millisecond)
	for stretch := range 5 {
		from := o.clock.now().Truncate(time.Second)
		for range 2 {
			w.ok(third(o.in.Key(o.ctx(), secret)))
			o.clock.advance(time.Millisecond)
		}
		_, _, err := o.in.Key(o.ctx(), secret)
		w.refused(err, iam.ErrThrottled)
		equal(w, fmt.Sprintf("stretch %d: until", stretch), until(err), from.Add(time.Second))
		w.ok(third(o.in.Key(o.ctx(), another)))
		o.clock.advance(from.Add(time.Second).Sub(o.clock.now()))
	}
	// A steady use below the limit is never refused, however long it lasts.
	for range 20 {
		w.ok(third(o.in.Key(o.ctx(), secret)))
		o.clock.advance(500 * time.Millisecond)
	}
	for _, bad := range []iam.Limit{{Attempts: 1}, {Pause: time.Second}, {Attempts: -1, Pause: time.Second}, {Attempts: 1, Pause: -time.Second}} {
		if _, err := signin.New(o.svc, signin.Config{KeyLimit: bad}); err == nil || !strings.Contains(err.Error(), "KeyLimit") {
			w.Errorf("%+v: got the error %v", bad, err)
		}
	}
}

func keyLastUse(w *world) {
	o := w.organization(emqx.System())
	k, secret := o.account(emqx.Administrator).apiKey(emqx.DeploymentView)
	used := func() time.Time { return must(o.st.APIKey(w.Context(), o.id, k.ID))(w).Used }
	equal(w, "at first", used().IsZero(), true)
	first := o.clock.now()
	for _, tt := range []struct {
		after time.Duration
		want  time.Time
	}{{0, first}, {time.Minute - time.Millisecond, first}, {time.Millisecond, first.Add(time.Minute)}} {
		o.clock.advance(tt.after)
		equal(w, "let in", o.canByKey(secret, emqx.DeploymentView), true)
		equal(w, fmt.Sprintf("%v later", tt.after), used(), tt.want)
	}
}

// brokenKeys is a store whose reading of keys, or counting, fails.
type brokenKeys struct {
	iam.Store
	read, count error
}

var errBroken = errors.New("the database is away")

func (s brokenKeys) APIKeyRecord(ctx context.Context, id iam.APIKeyID) (iam.APIKeyRecord, error) {
	if s.read != nil {
		return iam.APIKeyRecord{}, s.read
	}
	return s.Store.APIKeyRecord(ctx, id)
}

func (s brokenKeys) Attempt(ctx context.Context, key string, limit iam.Limit, now time.Time) (time.Time, error) {
	if s.count != nil {
		return time.Time{}, s.count
	}
	return s.Store.Attempt(ctx, key, limit, now)
}

func keysFailClosed(w *world) {
	o := w.organizationWith(emqx.System(), signin.Config{KeyLimit: iam.Limit{Attempts: 5, Pause: time.Second}})
	_, secret := o.account(emqx.Administrator).apiKey(emqx.DeploymentView)
	for what, st := range map[string]brokenKeys{"read": {w.st, errBroken, nil}, "counted": {w.st, nil, errBroken}} {
		for _, presented := range []iam.Secret{secret, iam.NewSecret("wrong")} {
			if what == "read" && presented != secret {
				continue // which is not looked up
			}
			sub, _, err := o.on(st).in.Key(o.ctx(), presented)
			if !errors.Is(err, errBroken) || errors.Is(err, signin.ErrKey) || sub.ID() != "" {
				w.Errorf("not %s: got %q and the error %v", what, sub.ID(), err)
			}
		}
	}
}

// E18: a request by a key is two statements, as one by a session; and three when its last use is written.
func TestStatementsOfKey(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		o, asked := w.organization(emqx.System()).counted()
		_, secret := o.account(emqx.Administrator).apiKey(emqx.DeploymentView)
		for i, want := range []int{3, 2, 2} {
			did := asked.of(func() { equal(w, "let in", o.canByKey(secret, emqx.DeploymentView), true) })
			if len(did) != want {
				w.Errorf("use %d: %d statements, want %d:\n%s", i+1, len(did), want, strings.Join(did, "\n"))
			}
		}
	})
}

// apiKeys plays the life of a key.
func (c *canary) apiKeys() {
	ctx, admin := c.ctx(), c.root.actor()
	params := iam.APIKeyParams{Description: "canary", Scope: policy.Scope{Permissions: c.svc.Policy().Vocabulary()[:1], AllProjects: true}}
	k, secret, err := admin.CreateAPIKey(ctx, params)
	c.log(k, secret, err)
	if err != nil { // of a system without keys
		return
	}
	c.secret("an API key", secret)
	_, token := iam.ParseAPIKey(secret)
	c.token(token)
	wrong := c.token(must(iam.NewToken(c.svc.Rand()))(c))
	for _, presented := range []iam.Secret{secret, iam.NewSecret(string(k.ID) + "." + wrong.Reveal()), wrong.Secret, iam.NewSecret("none." + wrong.Reveal())} {
		sub, info, err := c.in.Key(ctx, presented)
		c.log(sub, info, err, presented)
	}
	logged2(c, func() (iam.APIKey, error) { return admin.UpdateAPIKey(ctx, k.ID, params) })
	logged2(c, func() ([]iam.APIKey, error) { return admin.APIKeys(ctx, iam.APIKeyQuery{}) })
	c.log(admin.DeleteAPIKey(ctx, k.ID))
	_, _, err = c.in.Key(ctx, secret)
	c.log(err)
}
