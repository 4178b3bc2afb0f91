package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("L8: an organisation has a name, and requires a second factor", updateOrganization)
		w.run("only who answers for an organisation changes it", whoUpdatesOrganization)
		w.run("D3: an organisation has its own mail server", setMailServer)
		w.run("SB-96: a stored password goes to no other server", keepMailPassword)
		w.run("SB-70, SB-82: the password is nowhere to be read", mailPasswordIsSecret)
		w.run("what is no mail server", badMailServer)
		w.run("SB-80: nothing happens whose event cannot be written", deafLives)
	})
}

func updateOrganization(w *world) {
	o := w.organization(lanit.System())
	before := o.events()
	want := must(o.root().Organization(o.Context()))(w)
	want.Name, want.SecondFactor, want.Revision = "Acme", iam.SecondFactorRequired, want.Revision+1
	params := iam.OrganizationParams{Name: "Acme", SecondFactor: iam.SecondFactorRequired}
	must(o.root().UpdateOrganization(o.Context(), params))(w)
	equal(w, "the organisation", must(o.root().Organization(o.Context()))(w), want)
	must(o.root().UpdateOrganization(o.Context(), params))(w) // as it is: nothing to tell
	must(o.root().UpdateOrganization(o.Context(), iam.OrganizationParams{Name: "Acme"}))(w)
	same(w, "events", saidAll(o.since(before)), []string{
		`organization.updated, name "" to "Acme", second_factor "" to "required"`,
		`organization.updated, second_factor "required" to ""`,
	})
	for _, c := range []struct {
		params iam.OrganizationParams
		field  string
	}{
		{iam.OrganizationParams{Name: "a\x00"}, "Name"},
		{iam.OrganizationParams{Name: strings.Repeat("x", iam.MaxText+1)}, "Name"},
		{iam.OrganizationParams{SecondFactor: iam.SecondFactorUnavailable}, "SecondFactor"},
		{iam.OrganizationParams{SecondFactor: 7}, "SecondFactor"},
	} {
		o.unchanged(func() { w.wrong(second(o.root().UpdateOrganization(o.Context(), c.params)), c.field) })
	}
	without := lanit.System()
	without.Rules.SecondFactor = iam.SecondFactorUnavailable
	n := w.organization(without)
	w.wrong(second(n.root().UpdateOrganization(n.Context(), params)), "SecondFactor")
}

func whoUpdatesOrganization(w *world) {
	for _, c := range []struct {
		system iam.System
		role   policy.Role
		may    bool
	}{
		{emqx.System(), emqx.Administrator, true}, {emqx.System(), emqx.Auditor, false},
		{lanit.System(), lanit.Admin, true}, {lanit.System(), lanit.BillingRole, false},
		// They manage accounts below them, and do not answer for the organisation.
		{devicehub.System(), devicehub.SuperAdmin, false}, {devicehub.System(), devicehub.Admin, false},
	} {
		o := w.organization(c.system)
		err := second(o.as(o.account(c.role)).UpdateOrganization(o.Context(), iam.OrganizationParams{Name: "x"}))
		if !c.may {
			w.refused(err, iam.ErrForbidden)
			continue
		}
		w.ok(err)
	}
}

func (o *org) mailPassword() string {
	o.Helper()
	_, password, err := o.svc.MailServer(o.Context(), o.id)
	o.ok(err)
	return password.Reveal()
}

func serverParams() iam.MailServerParams {
	return iam.MailServerParams{
		Host: "Mail.acme.example", Port: 587, Security: "starttls", Username: "acme", Password: iam.NewSecret("s3cret"),
		From: "Acme <no-reply@acme.example>",
	}
}

func setMailServer(w *world) {
	o := w.organization(devicehub.System())
	super, admin := o.as(o.account(devicehub.SuperAdmin)), o.as(o.account(devicehub.Admin))
	w.refused(second(o.root().MailServer(o.Context())), iam.ErrNotFound)
	w.refused(o.root().RemoveMailServer(o.Context()), iam.ErrNotFound)
	before := o.events()
	want := iam.MailServerSettings{
		Host: "mail.acme.example", Port: 587, Security: "starttls", Username: "acme", PasswordSet: true,
		From: "Acme <no-reply@acme.example>", Updated: o.clock.now().UTC(),
	}
	equal(w, "what is set", must(o.root().SetMailServer(o.Context(), serverParams()))(w), want)
	equal(w, "as a super admin sees it", must(super.MailServer(o.Context()))(w), want)
	equal(w, "the password", o.mailPassword(), "s3cret")
	for _, err := range []error{
		second(super.SetMailServer(o.Context(), serverParams())), super.RemoveMailServer(o.Context()),
		second(admin.MailServer(o.Context())), second(admin.SetMailServer(o.Context(), serverParams())),
	} {
		w.refused(err, iam.ErrForbidden)
	}
	w.ok(o.root().RemoveMailServer(o.Context()))
	w.refused(second(o.root().MailServer(o.Context())), iam.ErrNotFound)
	var said []string
	for _, e := range o.since(before) {
		if e.Type == iam.MailServerChanged {
			said = append(said, fmt.Sprint(e.Changes))
		}
	}
	same(w, "events", said, []string{
		"[{host  mail.acme.example} {port  587} {security  starttls} {username  acme} {from  Acme <no-reply@acme.example>} {password  replaced}]",
		"[{host mail.acme.example } {port 587 } {security starttls } {username acme } {from Acme <no-reply@acme.example> } {password set }]",
	})
}

func keepMailPassword(w *world) {
	o := w.organization(devicehub.System())
	set := func(change func(p *iam.MailServerParams)) error {
		p := serverParams()
		p.Password = iam.Secret{}
		change(&p)
		return second(o.root().SetMailServer(o.Context(), p))
	}
	w.wrong(set(func(*iam.MailServerParams) {}), "Password") // there is none yet
	must(o.root().SetMailServer(o.Context(), serverParams()))(w)
	for _, change := range []func(p *iam.MailServerParams){
		func(p *iam.MailServerParams) { p.Host = "evil.example" },
		func(p *iam.MailServerParams) { p.Port = 2525 },
		func(p *iam.MailServerParams) { p.Username = "acme2" },
	} {
		o.unchanged(func() { w.wrong(set(change), "Password") })
	}
	w.ok(set(func(p *iam.MailServerParams) { p.From, p.Host = "x@acme.example", "MAIL.acme.example" }))
	equal(w, "the password that is kept", o.mailPassword(), "s3cret")
	w.ok(set(func(p *iam.MailServerParams) { p.Username = "" }))
	equal(w, "without a user name", o.mailPassword(), "")
	w.wrong(set(func(*iam.MailServerParams) {}), "Password") // it does not come back
	before := o.events()
	w.ok(set(func(p *iam.MailServerParams) { p.Username = "" }))
	equal(w, "events of a change that is none", len(o.since(before)), 0)
}

func mailPasswordIsSecret(w *world) {
	o := w.organization(devicehub.System())
	p := serverParams()
	canary := "canary-" + strings.ToLower(address("x"))
	p.Password = iam.NewSecret(canary)
	seen := must(o.root().SetMailServer(o.Context(), p))(w)
	p.Password = iam.NewSecret(canary + "2")
	must(o.root().SetMailServer(o.Context(), p))(w)
	same(w, "rows with the password", w.rowsOf(canary), nil)
	if text := fmt.Sprintf("%+v %#v %+v", seen, p, o.events()); strings.Contains(text, canary) {
		w.Error("the password is printed")
	}
	// What is sealed for one organisation opens in no other.
	other := o.sibling()
	server := must(o.st.MailServer(o.Context(), o.id))(w)
	o.ok(o.st.WriteAside(o.Context(), other.id, func(tx iam.Tx) error { return tx.PutMailServer(o.Context(), server) }))
	_, _, err := o.svc.MailServer(o.Context(), other.id)
	w.refused(err, iam.ErrKeys)

	keyless := must(iam.New(w.st, devicehub.System(), iam.Config{Now: o.clock.now}))(w).System("test").In(o.id)
	w.refused(second(keyless.SetMailServer(o.Context(), p)), iam.ErrKeys)
	p.Username, p.Password = "", iam.Secret{}
	must(keyless.SetMailServer(o.Context(), p))(w)
}

func badMailServer(w *world) {
	o := w.organization(devicehub.System())
	for field, changes := range map[string][]func(p *iam.MailServerParams){
		"Host": {
			func(p *iam.MailServerParams) { p.Host = "" },
			func(p *iam.MailServerParams) { p.Host = "mail..example" },
			func(p *iam.MailServerParams) { p.Host = "mail.example:25" },
			func(p *iam.MailServerParams) { p.Host = "a b" },
			func(p *iam.MailServerParams) { p.Host = "fe80::1%eth0" },
			func(p *iam.MailServerParams) { p.Host = strings.Repeat("a", 254) },
		},
		"Port": {
			func(p *iam.MailServerParams) { p.Port = 0 },
			func(p *iam.MailServerParams) { p.Port = 65536 },
		},
		"Security": {
			func(p *iam.MailServerParams) { p.Security = "" },
			func(p *iam.MailServerParams) { p.Security = "ssl" },
			func(p *iam.MailServerParams) { p.Security = "plain" },
		},
		"Username": {
			func(p *iam.MailServerParams) { p.Username = "" },
			func(p *iam.MailServerParams) { p.Username = "a\nb" },
		},
		"Password": {
			func(p *iam.MailServerParams) { p.Password = iam.NewSecret("a\r\nb") },
			func(p *iam.MailServerParams) { p.Password = iam.NewSecret(strings.Repeat("x", 513)) },
		},
		"From": {
			func(p *iam.MailServerParams) { p.From = "" },
			func(p *iam.MailServerParams) { p.From = "Acme" },
			func(p *iam.MailServerParams) { p.From = "Acme\r\nBcc: x@y.example <a@b.example>" },
			func(p *iam.MailServerParams) { p.From = "a@b.example, c@d.example" },
		},
	} {
		for i, change := range changes {
			p := serverParams()
			change(&p)
			o.unchanged(func() {
				w.Logf("%s %d", field, i)
				w.wrong(second(o.root().SetMailServer(o.Context(), p)), field)
			})
		}
	}
	for _, host := range []string{"mail.example", "mailhub", "192.0.2.1", "2001:db8::1"} {
		p := serverParams()
		p.Host = host
		must(o.root().SetMailServer(o.Context(), p))(w)
	}
	p := serverParams()
	p.Password = iam.NewSecret(strings.Repeat("x", 512))
	must(o.root().SetMailServer(o.Context(), p))(w)
	equal(w, "the longest password", len(o.mailPassword()), 512)
}

func deafLives(w *world) {
	o := w.organization(lanit.System())
	ann := o.member(lanit.Member)
	must(o.root().OfferRoot(o.Context(), ann.ID))(w)
	old, next := o.asked(ann.ID, address("anna"))
	must(o.system().SetMailServer(o.Context(), serverParams()))(w)
	svc := o.svc.WithStore(deaf{o.st})
	support := svc.System("test")
	confirm := func(token iam.Token) error {
		_, _, err := svc.ConfirmEmail(o.Context(), token)
		return err
	}
	deafly := func(do func() error) {
		w.Helper()
		o.unchanged(func() { w.refused(do(), errDeaf) })
	}
	deafly(func() error { return second(svc.As(o.subject(ann.ID)).AcceptRoot(o.Context())) })
	deafly(func() error { return second(support.TransferRoot(o.Context(), o.id, ann.ID)) })
	deafly(func() error { return confirm(old) })
	o.confirm(old)
	deafly(func() error { return confirm(next) })
	deafly(func() error { return support.In(o.id).RemoveMailServer(o.Context()) })
	changed := serverParams()
	changed.Host = "other.example"
	deafly(func() error { return second(support.In(o.id).SetMailServer(o.Context(), changed)) })
	equal(w, "done, once the log can be written", o.confirm(next), true)
}
