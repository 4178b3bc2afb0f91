package signin_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// canary keeps what must be nowhere, and everything that was seen.
type canary struct {
	*org
	mu      sync.Mutex
	seen    strings.Builder
	secrets map[string]string // by text: what it is
}

func TestCanaries(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		for _, system := range []iam.System{emqx.System(), lanit.System()} {
			c := &canary{secrets: map[string]string{}}
			// Every statement is seen with its values, as a host's log of slow ones has them.
			heard := testdb.Again(t, db, &gorm.Config{Logger: gormLogger{c.write}})
			c.org = newWorld(t, db).organization(system)
			c.org = c.on(store.New(heard))
			c.root.org = c.org
			c.play()
			c.write(c.rows())
			c.search()
		}
	})
}

func (c *canary) write(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.WriteString(text)
	c.seen.WriteByte('\n')
}

// secret plants a text, in every form in which it is known.
func (c *canary) secret(what string, s iam.Secret) iam.Secret {
	c.secrets[s.Reveal()] = what
	return s
}

func (c *canary) password() iam.Secret { return c.secret("a password", goodPassword()) }

func (c *canary) token(t iam.Token) iam.Token {
	c.secret("a token", t.Secret)
	return t
}

func (c *canary) code(p *person) string {
	code := p.code()
	c.secret("a code", iam.NewSecret(code))
	return code
}

// log shows values as a host may, by mistake or not.
func (c *canary) log(values ...any) {
	var b strings.Builder
	text, js := slog.New(slog.NewTextHandler(&b, nil)), slog.New(slog.NewJSONHandler(&b, nil))
	for _, v := range values {
		fmt.Fprintf(&b, "%v %+v %#v %s %q\n", v, v, v, v, v)
		if err, ok := v.(error); ok {
			fmt.Fprintln(&b, err.Error())
		}
		text.Info("seen", "value", v)
		js.Info("seen", "value", v)
		encoded, _ := json.Marshal(v)
		b.Write(encoded)
	}
	c.write(b.String())
}

// logged shows what a call returned, and passes it on.
func logged[T any](c *canary, value T, err error) T {
	c.Helper()
	c.log(value, err)
	if opened, ok := any(value).(signin.Opened); ok && !opened.Token.IsZero() {
		c.token(opened.Token)
	}
	return value
}

// play goes through every method, with what is right and with what is wrong.
func (c *canary) play() {
	ctx, in := c.ctx(), c.in
	admin := c.root.actor()
	guest := c.invited(admin)
	session := logged2(c, func() (signin.Opened, error) {
		params := signin.SignInParams{Org: c.id, Email: guest.email, Password: c.password()}
		c.log(params)
		return in.SignIn(ctx, params)
	})
	equal(c, "a session with the wrong password", session.Token.IsZero(), true)
	logged2(c, func() (signin.Opened, error) { // too long, and so refused before anything
		long := c.secret("a long password", iam.NewSecret(strings.Repeat("canary", 300)))
		return in.SignIn(ctx, signin.SignInParams{Org: c.id, Email: guest.email, Password: long})
	})
	logged2(c, func() (signin.Opened, error) { // typed into the wrong field
		typed := c.secret("a password in the wrong field", iam.NewSecret("Mistyped canary 1!"))
		return in.SignIn(ctx, signin.SignInParams{Org: c.id, Email: typed.Reveal(), Password: c.password()})
	})
	opened := logged(c, must(guest.try(guest.password))(c), nil)
	if opened.Session.Stage == iam.NeedsPasswordReset {
		logged2(c, func() (signin.Opened, error) { return in.ChooseNewPassword(ctx, opened.Token, guest.password) })
		guest.password = c.password()
		opened = logged(c, must(in.ChooseNewPassword(ctx, opened.Token, guest.password))(c), nil)
	}
	opened = c.passwords(guest, opened)
	opened = c.factors(guest, opened)
	c.resets(guest)
	c.apiKeys()

	made := logged2(c, func() (iam.EmailChange, error) { return in.ChangeEmail(ctx, opened.Token, address("canary")) })
	c.log(made)
	for _, token := range c.allLinked() {
		c.token(token)
		_, _, err := c.svc.ConfirmEmail(ctx, token)
		c.log(err)
		_, _, err = c.svc.ConfirmEmail(ctx, token)
		c.log(err)
	}
	logged2(c, func() ([]iam.Session, error) { return in.SessionsOf(ctx, admin, guest.id) })
	c.log(in.SignOut(ctx, opened.Token), in.Unlock(ctx, admin, guest.id))
	for _, o := range []iam.Token{opened.Token, c.token(must(iam.NewToken(c.svc.Rand()))(c))} {
		_, _, err := in.Session(ctx, o)
		c.log(err, o)
	}
}

// logged2 is logged for a call that may fail.
func logged2[T any](c *canary, call func() (T, error)) T {
	c.Helper()
	value, err := call()
	return logged(c, value, err)
}

// invited plays an invitation to its end.
func (c *canary) invited(admin iam.Actor) *person {
	ctx := c.ctx()
	p := &person{org: c.org, email: address("canary"), login: c.id}
	params := iam.InviteParams{Email: p.email, Roles: []policy.Role{c.lowest()}}
	first, accept := iam.Secret{}, signin.AcceptParams{}
	if c.svc.Rules().FirstPassword == iam.ByCreator {
		first = c.password()
		p.password = first
	} else {
		accept.Password = c.password()
		p.password = accept.Password
	}
	weak := c.secret("a password that is too weak", iam.NewSecret("Zq9!x8w"))
	_, _, err := c.in.Invite(ctx, admin, params, weak)
	c.log(err)
	i, _, err := c.in.Invite(ctx, admin, params, first)
	c.log(i, err, first, accept)
	p.id = i.Account
	for _, m := range c.deliver() {
		c.log(m)
		c.secret("a link", m.Link)
		token := c.token(tokenIn(c, m.Link))
		c.log(token, second(c.in.Accept(ctx, token, signin.AcceptParams{Password: weak})))
		logged2(c, func() (iam.Invited, error) { return c.svc.LookInvitation(ctx, token) })
		logged2(c, func() (iam.Account, error) { return c.in.Accept(ctx, token, accept) })
		logged2(c, func() (iam.Account, error) { return c.in.Accept(ctx, token, accept) })
	}
	other, _, err := c.in.Invite(ctx, admin, iam.InviteParams{Email: address("copy"), Roles: params.Roles}, first)
	c.ok(err)
	link := must(admin.InvitationLink(ctx, other.Account))(c)
	c.token(tokenIn(c, c.secret("a link", link)))
	c.log(link)
	c.deliver()
	return p
}

func (c *canary) passwords(p *person, opened signin.Opened) signin.Opened {
	ctx, in := c.ctx(), c.in
	logged2(c, func() (signin.Opened, error) { return in.Confirm(ctx, opened.Token, c.password()) })
	opened = logged(c, must(in.Confirm(ctx, opened.Token, p.password))(c), nil)
	for _, weak := range []string{"passwordpassword", "Canary", "Canary\x00 with a control 1!", "Passw0rd!"} {
		weak := c.secret("a weak password", iam.NewSecret(weak))
		logged2(c, func() (signin.Opened, error) { return in.ChangePassword(ctx, opened.Token, p.password, weak) })
	}
	logged2(c, func() (signin.Opened, error) { return in.ChangePassword(ctx, opened.Token, c.password(), c.password()) })
	next := c.password()
	opened = logged(c, must(in.ChangePassword(ctx, opened.Token, p.password, next))(c), nil)
	p.password = next
	c.log(in.SetPassword(ctx, c.root.actor(), p.id, c.secret("a weak password", iam.NewSecret("Canary 2"))))
	if c.svc.Rules().PasswordByOthers {
		other := c.account()
		c.log(in.SetPassword(ctx, c.root.actor(), other.id, c.password()))
	}
	return opened
}

func (c *canary) factors(p *person, opened signin.Opened) signin.Opened {
	ctx, in := c.ctx(), c.in
	enrolled := func(made signin.Enrollment) {
		c.log(made)
		p.secret = c.secret("the secret of a second factor", made.Secret)
		c.secret("the URI of a second factor", made.URI)
	}
	codes := func(codes []iam.Secret) {
		for _, code := range codes {
			c.secret("a recovery code", code)
			c.secret("a recovery code without groups", iam.NewSecret(strings.ReplaceAll(code.Reveal(), "-", "")))
		}
		p.codes = codes
		c.log(codes)
	}
	enrolled(must(in.Enroll(ctx, opened.Token))(c))
	logged2(c, func() (signin.Enrolled, error) { return in.ConfirmEnrollment(ctx, opened.Token, p.wrongCode()) })
	done := must(in.ConfirmEnrollment(ctx, opened.Token, c.code(p)))(c)
	c.token(done.Token)
	c.log(done)
	codes(done.Codes)

	half := logged(c, must(p.try(p.password))(c), nil)
	wrong := c.secret("a wrong recovery code", iam.NewSecret("CANA-RYCA-NARY-CANA"))
	logged2(c, func() (signin.Opened, error) { return in.RecoveryCode(ctx, half.Token, wrong.Reveal()) })
	logged2(c, func() (signin.Opened, error) { return in.SecondFactor(ctx, half.Token, p.wrongCode()) })
	logged(c, must(in.SecondFactor(ctx, half.Token, c.code(p)))(c), nil)
	logged(c, must(in.RecoveryCode(ctx, logged(c, p.begin(), nil).Token, p.codes[0].Reveal()))(c), nil)

	codes(must(in.NewRecoveryCodes(ctx, done.Token, c.code(p)))(c))
	enrolled(must(in.ReplaceSecondFactor(ctx, done.Token, p.codes[0].Reveal()))(c))
	done = must(in.ConfirmEnrollment(ctx, done.Token, c.code(p)))(c)
	c.token(done.Token)
	codes(done.Codes)
	next := logged2(c, func() (signin.Opened, error) { return in.RemoveSecondFactor(ctx, done.Token, c.code(p)) })
	if next.Token.IsZero() { // members keep theirs
		return done.Opened
	}
	return next
}

func (c *canary) resets(p *person) {
	ctx, in := c.ctx(), c.in
	other := c.account()
	c.log(in.SendReset(ctx, c.root.actor(), other.id))
	c.log(in.RequestReset(ctx, signin.ResetParams{Org: c.id, Email: other.email}))
	for _, m := range c.deliver() {
		c.log(m)
		if m.Link.IsZero() {
			continue
		}
		token := c.token(tokenIn(c, c.secret("a link", m.Link)))
		logged2(c, func() (iam.Account, error) { return in.LookReset(ctx, token) })
		logged2(c, func() (signin.Opened, error) {
			return in.ResetPassword(ctx, token, c.secret("a weak password", iam.NewSecret("Canary 3")))
		})
		logged2(c, func() (signin.Opened, error) { return in.ResetPassword(ctx, token, c.password()) })
		logged2(c, func() (signin.Opened, error) { return in.ResetPassword(ctx, token, c.password()) })
	}
	c.clock.advance(time.Second)
}

// short is what is found in other texts by chance, unless it stands alone.
const short = 8

// search looks for every secret in all that was seen.
func (c *canary) search() {
	c.Helper()
	seen := c.seen.String()
	if len(c.secrets) < 40 || !strings.Contains(seen, "INSERT INTO") || !strings.Contains(seen, "[secret]") {
		c.Fatalf("%d secrets in %d bytes: too little was tried", len(c.secrets), len(seen))
	}
	for text, what := range c.secrets {
		found := strings.Contains(seen, text)
		if len(text) < short {
			found = regexp.MustCompile(`\b` + regexp.QuoteMeta(text) + `\b`).MatchString(seen)
		}
		if found {
			i := strings.Index(seen, text)
			c.Errorf("SB-82: %s was seen: …%.200s", what, seen[max(0, i-100):])
		}
	}
}
