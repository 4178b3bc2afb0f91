package iamtest

import (
	"errors"
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// Person is somebody in a world, who asks the host.
type Person struct {
	Name  string
	ID    policy.AccountID // "" for nobody
	Org   policy.OrgID
	Email iam.Email

	world  *World
	root   bool
	roles  []policy.Role
	none   bool         // cannot sign in
	kept   *iam.Subject // what was loaded before the account was disabled or deleted
	bearer iam.Secret   // the API key
	seed   string       // of the second factor
	codes  []iam.Secret // recovery codes
	has    bool         // a password
	cookie session
}

// Do sends a request as the person, who is signed in for that, and returns the answer.
func (p *Person) Do(r *http.Request) *http.Response {
	p.world.tb.Helper()
	a := p.do(r)
	return &http.Response{StatusCode: a.status, Header: a.header, Body: a.reader(), Request: r}
}

// Ask sends a request of a route with the world's Values, and returns the answer.
func (p *Person) Ask(rt Route) *http.Response {
	p.world.tb.Helper()
	return p.Do(rt.request(p.world.ctx(), p.world.base, p.world.Values().filling))
}

// Subject loads the person as one who asks: see iam.Service.Subject. Nobody is the zero Subject, and who was disabled or
// deleted is what was loaded before.
func (p *Person) Subject() iam.Subject {
	p.world.tb.Helper()
	if p.kept != nil {
		return *p.kept
	}
	if p.ID == "" {
		return iam.Subject{}
	}
	return must(p.world.Host.Service.Subject(p.world.ctx(), p.ID))(p.world.tb)
}

// do sends a request as the person.
func (p *Person) do(r *http.Request) answer {
	p.world.tb.Helper()
	p.sign(r)
	return p.world.send(r)
}

// ask sends a request of a route, with values beside the world's.
func (p *Person) ask(rt Route, also Values) answer {
	p.world.tb.Helper()
	return p.do(p.world.requestOf(rt, also))
}

// requestOf makes a request of a route, with values beside those of Home.
func (w *World) requestOf(rt Route, also Values) *http.Request {
	return rt.request(w.ctx(), w.base, func(name string, _ int) string {
		if value, there := also[name]; there {
			return value
		}
		return w.Values()[name]
	})
}

// sign makes a request the person's.
func (p *Person) sign(r *http.Request) {
	p.world.tb.Helper()
	switch {
	case !p.bearer.IsZero():
		r.Header.Set("Authorization", "Bearer "+p.bearer.Reveal())
	case p.world.Host.Authenticate != nil:
		p.world.Host.Authenticate(r, p.Subject())
	case p.ID != "" && !p.none:
		p.signedIn().cookie.on(r)
	}
}

// signedIn is the person with a session, which is opened the first time.
func (p *Person) signedIn() *Person {
	p.world.tb.Helper()
	if p.world.Host.byCookie() && p.cookie == nil && !p.none {
		p.cookie = p.signIn()
	}
	return p
}

// signIn opens a new session at the host's door, to whatever stage the password leads.
func (p *Person) signIn() session {
	p.world.tb.Helper()
	p.learnPassword()
	a := p.tryPassword(p.world.secret, nil)
	opened := a.session()
	if !a.through() || len(opened) == 0 {
		p.world.tb.Fatalf("iamtest: %s cannot sign in, at %s: %s", p.Name, p.door().Pattern, a.short())
	}
	return opened
}

func (p *Person) door() Route { return p.world.Host.Doors.signInAt(p.root) }

// tryPassword signs in with a password, by a request that may be changed before it is sent. It may be called at once by
// many.
func (p *Person) tryPassword(password iam.Secret, change func(r *http.Request)) answer {
	r := p.door().request(p.world.ctx(), p.world.base, Values{
		"org": string(p.Org), "email": string(p.Email), "password": password.Reveal(),
	}.filling)
	if change != nil {
		change(r)
	}
	return p.world.send(r)
}

// stale is the person as loaded now, whatever happens to the account.
func (p *Person) stale() *Person {
	sub := p.Subject()
	p.kept = &sub
	return p
}

// bind binds the person to a project by the first role.
func (p *Person) bind(project policy.ProjectID) {
	p.world.tb.Helper()
	role := p.roles[0]
	if !p.world.Host.Service.Policy().Bindable(role) {
		return
	}
	p.world.ok(p.world.system(p.Org).Bind(p.world.ctx(), iam.Binding{Account: p.ID, Role: role, Project: project}))
}

// learnPassword gives the person the world's password. It is hashed once: the others get the same hash.
func (p *Person) learnPassword() {
	p.world.tb.Helper()
	w := p.world
	if p.has || w.Host.SignIn == nil {
		return
	}
	p.has = true
	if w.hash == "" {
		token := p.token(iam.ForReset, time.Hour)
		opened := must(w.Host.SignIn.ResetPassword(w.ctx(), token, w.secret))(w.tb)
		w.ok(w.Host.SignIn.SignOut(w.ctx(), opened.Token))
		w.hash = must(w.Host.Service.Store().Credential(w.ctx(), p.Org, p.ID))(w.tb).Password
		return
	}
	w.ok(w.Host.Service.Store().Write(w.ctx(), p.Org, func(tx iam.Tx) error {
		return tx.PutCredential(w.ctx(), iam.Credential{Account: p.ID, Password: w.hash, PasswordSet: w.Clock.Now()})
	}))
}

// token makes the token of a link to the person, past the mail.
func (p *Person) token(purpose iam.TokenPurpose, lifetime time.Duration) iam.Token {
	p.world.tb.Helper()
	w := p.world
	token := must(iam.NewToken(w.Host.Service.Rand()))(w.tb)
	w.ok(w.Host.Service.Store().Write(w.ctx(), p.Org, func(tx iam.Tx) error {
		return tx.InsertToken(w.ctx(), iam.TokenRecord{
			Hash: token.Hash(), Purpose: purpose, Org: p.Org, Account: p.ID, Email: p.Email,
			Created: w.Clock.Now(), Expires: w.Clock.Now().Add(lifetime),
		})
	}))
	return token
}

// enroll gives the person a second factor.
func (p *Person) enroll() {
	p.world.tb.Helper()
	w := p.world
	p.learnPassword()
	params := signin.SignInParams{Org: p.Org, Email: string(p.Email), Password: w.secret}
	if p.root && w.Host.Service.Rules().SeparateRootLogin {
		params.Org = ""
	}
	opened := must(w.Host.SignIn.SignIn(w.ctx(), params))(w.tb)
	made := must(w.Host.SignIn.Enroll(w.ctx(), opened.Token))(w.tb)
	p.seed = made.Secret.Reveal()
	done := must(w.Host.SignIn.ConfirmEnrollment(w.ctx(), opened.Token, p.nextCode()))(w.tb)
	p.codes = done.Codes
	w.ok(w.Host.SignIn.SignOut(w.ctx(), done.Token))
}

// nextCode is a code of the authenticator that was not used yet: the time goes on to the next one.
func (p *Person) nextCode() string {
	p.world.tb.Helper()
	p.world.Clock.Advance(totpPeriod)
	return must(totpCode(p.seed, p.world.Clock.Now()))(p.world.tb)
}

// key is an API key of the person, with everything that they may do in the organisation.
func (p *Person) key() *Person {
	p.world.tb.Helper()
	w := p.world
	sub := p.Subject()
	scope := policy.Scope{AllProjects: true}
	for _, name := range w.Host.Service.Policy().Vocabulary() {
		if w.Host.Service.Can(sub, name.Action(), name.Kind().Of(p.Org)) {
			scope.Permissions = append(scope.Permissions, name)
		}
	}
	_, secret, err := w.Host.Service.As(sub).CreateAPIKey(w.ctx(), iam.APIKeyParams{Description: Key, Scope: scope})
	w.ok(err)
	return &Person{world: w, Name: Key, ID: p.ID, Org: p.Org, Email: p.Email, root: p.root, roles: p.roles, bearer: secret}
}

// account is how the account stands; there is none when it was deleted.
func (p *Person) account() (account iam.Account, there bool) {
	p.world.tb.Helper()
	account, err := p.world.system(p.Org).Account(p.world.ctx(), p.ID)
	if errors.Is(err, iam.ErrNotFound) {
		return iam.Account{}, false
	}
	p.world.ok(err)
	return account, true
}
