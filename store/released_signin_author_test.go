package store_test

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// secondRootEmail is the address of a second root account: until version 2 it could be that of another.
const secondRootEmail = "nora@nest.example"

func (a *author) config() iam.Config {
	return iam.Config{
		BaseURL: "https://console.example.com", AuditKey: []byte("the fixtures' audit key, 32 bytes"), Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1, 2, 3}}},
	}
}

func origin(ctx context.Context, peer netip.Addr) context.Context {
	return iam.WithOrigin(ctx, iam.Origin{Peer: peer, Request: "request-1", Agent: "fixture/1.0"})
}

// letIn are the sign-ins of the systems.
type letIn map[string]*signin.Service

func newLetIn(a *author) letIn {
	all := make(letIn)
	for name, svc := range a.systems {
		in, err := signin.New(svc, signin.Config{})
		a.ok(err)
		all[name] = in
	}
	return all
}

func (a *author) in(org policy.OrgID) *signin.Service { return a.signin[a.system[org]] }

// letPeopleIn is about what version 2 brought: invitations, sign-in, mail, and what waits for an answer.
func (a *author) letPeopleIn() {
	for _, p := range []struct {
		org  policy.OrgID
		name string
	}{{"acme", "ada"}, {"acme", "adam"}, {"acme", "uma"}, {"cloud", "mia"}} {
		a.ok(a.in(p.org).SendReset(a.ctx(), a.bypass(p.org), a.ids[p.name]))
		a.password(p.org, p.name, a.deliver(p.org)["reset"])
	}
	a.enroll("adam")
	a.invitations()
	a.handles["ada session"] = a.signIn("acme", "ada").Token.Reveal()
	a.handles["mia session"] = a.signIn("cloud", "mia").Token.Reveal()
	a.promote()
	a.handles["adam stage"] = a.signIn("acme", "adam").Token.Reveal() // waits for a code
	a.waiting()
	for range 3 { // counted, and on record
		_, err := a.in("acme").SignIn(a.ctx(), signin.SignInParams{Org: "acme", Email: "aud@acme.example", Password: iam.NewSecret("a wrong guess, in vain")})
		if !errors.Is(err, signin.ErrCredentials) {
			a.Fatalf("a wrong password: got %v", err)
		}
	}
	a.ok(a.as("acme", "adam").Record(a.ctx(), iam.RecordParams{
		Type: "DeploymentCreated", Target: "d'1", Changes: []iam.FieldChange{{Field: "name", After: "it's \"quoted\" \\ and 50 %"}},
	}))
	sub, err := a.svc("acme").Subject(a.ctx(), a.ids["aud"])
	a.ok(err)
	a.ok(a.svc("acme").RecordDenial(a.ctx(), sub, a.svc("acme").Authorize(sub, emqx.Delete, emqx.Project.In("acme", "p1").Named("p1"))))
	_, err = a.as("hub", "dora").UpdateOrganization(a.ctx(), iam.OrganizationParams{Name: "Hub", SecondFactor: iam.SecondFactorRequired})
	a.ok(err)
	report, err := a.bypass("acme").VerifyEvents(a.ctx(), iam.Checkpoint{})
	a.ok(err)
	checkpoint, err := report.Checkpoint.MarshalText()
	a.ok(err)
	a.handles["acme checkpoint"] = string(checkpoint)
}

// promote gives mia a right which a session that was opened before does not get (L10).
func (a *author) promote() {
	a.Helper()
	_, _, err := a.as("cloud", "lena").SetRoles(a.ctx(), a.ids["mia"], lanit.BillingRole)
	a.ok(err)
}

func (a *author) password(org policy.OrgID, name string, reset iam.Token) {
	a.Helper()
	a.handles[name+" password"] = "Quiet lantern, bay 7 " + name
	_, err := a.in(org).ResetPassword(a.ctx(), reset, iam.NewSecret(a.handles[name+" password"]))
	a.ok(err)
}

func (a *author) signIn(org policy.OrgID, name string) signin.Opened {
	a.Helper()
	opened, err := a.trySignIn(org, name)
	a.ok(err)
	return opened
}

func (a *author) trySignIn(org policy.OrgID, name string) (signin.Opened, error) {
	params := signin.SignInParams{Org: org, Email: name + "@" + string(org) + ".example", Password: iam.NewSecret(a.handles[name+" password"])}
	if name == "ada" {
		params.Org = "" // root's own login address
	}
	return a.in(org).SignIn(a.ctx(), params)
}

// code is the next one of an authenticator that was not used yet.
func (a *author) code(name string) string {
	a.Helper()
	a.now = a.now.Add(time.Minute)
	code, err := totp.GenerateCode(a.handles[name+" authenticator"], a.now)
	a.ok(err)
	return code
}

func (a *author) enroll(name string) {
	a.Helper()
	in := a.in("acme")
	opened := a.signIn("acme", name)
	e, err := in.Enroll(a.ctx(), opened.Token)
	a.ok(err)
	a.handles[name+" authenticator"] = e.Secret.Reveal()
	code := a.code(name)
	enrolled, err := in.ConfirmEnrollment(a.ctx(), opened.Token, code)
	a.ok(err)
	a.handles[name+" recovery code"] = enrolled.Codes[0].Reveal()
	a.handles[name+" session"] = enrolled.Token.Reveal()
}

// invitations leaves one of each: open, accepted, sent again, expired.
func (a *author) invitations() {
	invite := func(org policy.OrgID, by, name, password string, params iam.InviteParams) policy.AccountID {
		a.Helper()
		params.Email = name + "@" + string(org) + ".example"
		i, _, err := a.in(org).Invite(a.ctx(), a.as(org, by), params, iam.NewSecret(password))
		a.ok(err)
		a.ids[name] = i.Account
		return i.Account
	}
	first := "Given lantern, bay 8"
	invite("acme", "ada", "late", first, iam.InviteParams{Roles: []policy.Role{emqx.Auditor}})
	a.now = a.now.Add(2 * time.Hour) // it expires
	invite("acme", "adam", "ivy", first, iam.InviteParams{
		Roles: []policy.Role{emqx.ProjectUser}, Bindings: []iam.Binding{{Role: emqx.ProjectUser, Project: "p1"}},
	})
	a.handles["ivy password"] = first
	a.handles["ivy invitation"] = a.deliver("acme")["invitation"].Reveal()
	invite("cloud", "lena", "moe", "", iam.InviteParams{Roles: []policy.Role{lanit.Member}})
	_, err := a.in("cloud").Accept(a.ctx(), a.deliver("cloud")["invitation"], signin.AcceptParams{Name: "Moe", Password: iam.NewSecret("Quiet lantern, bay 7 moe")})
	a.ok(err)
	a.handles["moe password"] = "Quiet lantern, bay 7 moe"
	again := invite("hub", "abe", "rex", "", iam.InviteParams{Roles: []policy.Role{devicehub.Basic}})
	a.now = a.now.Add(2 * time.Minute) // not too often
	_, err = a.as("hub", "abe").ResendInvitation(a.ctx(), again)
	a.ok(err)
	link, err := a.as("hub", "abe").InvitationLink(a.ctx(), again)
	a.ok(err)
	a.handles["rex invitation"] = tokenIn(a, link).Reveal()
}

// waiting leaves what people have begun: a change of address, an offer, a reset, and mails in every state.
func (a *author) waiting() {
	_, err := a.as("acme", "adam").ChangeEmail(a.ctx(), a.ids["uma"], "uma.new@acme.example")
	a.ok(err)
	sent := a.deliver("acme")
	_, done, err := a.svc("acme").ConfirmEmail(a.ctx(), sent["email_change_old"])
	if a.ok(err); done {
		a.Fatal("an address changed by half of its confirmation")
	}
	a.handles["uma address"] = sent["email_change_new"].Reveal()
	_, err = a.as("acme", "ada").OfferRoot(a.ctx(), a.ids["adam"])
	a.ok(err)
	a.ok(a.in("acme").SendReset(a.ctx(), a.as("acme", "adam"), a.ids["aud"]))
	a.handles["aud reset"] = a.deliver("acme")["reset"].Reveal()
	_, err = a.as("hub", "dora").SetMailServer(a.ctx(), iam.MailServerParams{
		Host: "mail.hub.example", Port: 587, Security: "starttls", Username: "hub", Password: iam.NewSecret("the mail server's"), From: "Hub <hub@hub.example>",
	})
	a.ok(err)
	a.ok(a.in("cloud").SendReset(a.ctx(), a.bypass("cloud"), a.ids["bea"]))
	due, err := a.st.LeaseMails(a.ctx(), "bounced", a.now, a.now.Add(time.Minute), 1)
	a.ok(err)
	due[0].State, due[0].Ended, due[0].Tries, due[0].Reply = iam.MailBounced, a.now, 1, "550 5.1.1 no such user"
	_, err = a.st.EndMail(a.ctx(), "bounced", due[0])
	a.ok(err)
	a.ok(a.in("cloud").RequestReset(a.ctx(), signin.ResetParams{Email: "lev@cloud.example"}))
}

// deliver sends what is queued, as the outbox does, and returns the tokens in the links by what they are good for.
func (a *author) deliver(org policy.OrgID) map[string]iam.Token {
	a.Helper()
	const lease = "the fixture's"
	due, err := a.st.LeaseMails(a.ctx(), lease, a.now, a.now.Add(time.Minute), 100)
	a.ok(err)
	tokens := make(map[string]iam.Token)
	for _, m := range due {
		ready, err := a.svc(org).ReadyMail(a.ctx(), m, lease)
		m.State, m.Tries = iam.MailSent, 1
		if errors.Is(err, iam.ErrUnwanted) {
			m.State = iam.MailDropped
		} else if a.ok(err); !ready.Link.IsZero() {
			tokens[strings.TrimPrefix(m.Template, "mail_")] = tokenIn(a, ready.Link)
		}
		m.Ended = a.now
		_, err = a.st.EndMail(a.ctx(), lease, m)
		a.ok(err)
	}
	return tokens
}

func tokenIn(a *author, link iam.Secret) iam.Token {
	a.Helper()
	u, err := url.Parse(link.Reveal())
	a.ok(err)
	return iam.ParseToken(u.Query().Get("token"))
}

// goOnSigningIn is what version 2 adds to a day.
func (a *author) goOnSigningIn() {
	a.Helper()
	in := a.in("acme")
	opened := a.signIn("acme", "uma")
	_, _, err := in.Session(a.ctx(), opened.Token)
	a.ok(err)
	changed, err := in.ChangePassword(a.ctx(), opened.Token, iam.NewSecret(a.handles["uma password"]), iam.NewSecret("Another lantern, bay 9"))
	a.ok(err)
	a.ok(in.SignOut(a.ctx(), changed.Token))
	_, err = in.SecondFactor(a.ctx(), a.signIn("acme", "adam").Token, a.code("adam"))
	a.ok(err)
	_, err = in.Accept(a.ctx(), iam.ParseToken(a.handles["ivy invitation"]), signin.AcceptParams{})
	a.ok(err)
	a.deliver("acme")
	_, err = a.svc("acme").Sweep(a.ctx())
	a.ok(err)
}
