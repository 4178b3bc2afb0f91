package outbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/outbox"
)

const (
	link  = "https://cloud.acme.example/activate?token=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
	login = "https://cloud.acme.example/sub-account/login/8f2c"
)

// complete has everything that any mail needs, and what it may have beside.
func complete() outbox.Data {
	at := time.Date(2026, 11, 21, 9, 0, 0, 0, time.FixedZone("CET", 3600))
	return outbox.Data{
		Product: "Acme Cloud", Organization: "Blue Harbour Ltd",
		Recipient: outbox.Person{Name: "Bob Meyer", Email: "bob@harbour.example"},
		Actor:     outbox.Person{Name: "Ann Lee", Email: "ann@harbour.example"},
		Owner:     outbox.Person{Name: "Bob Meyer", Email: "bob@harbour.example"},
		OldEmail:  "bob@harbour.example", NewEmail: "bob.meyer@harbour.example",
		Roles: []string{"Project Administrator", "Accountant"},
		Link:  iam.NewSecret(link), LoginAddress: login, Peer: "2001:db8::7",
		Time: at, Expires: at.Add(time.Hour), Lifetime: time.Hour, InitialPassword: true, CodesLeft: 7,
	}
}

// mail is a case: a golden file, the mail, and what is different from the complete data.
type mail struct {
	golden string
	name   outbox.Name
	change func(*outbox.Data)
}

func mails() []mail {
	same := func(*outbox.Data) {}
	return []mail{
		{"invitation", outbox.Invitation, same},
		{"invitation_choose_password", outbox.Invitation, func(d *outbox.Data) {
			d.InitialPassword, d.Actor, d.Recipient.Name = false, outbox.Person{}, ""
			d.Roles, d.Lifetime, d.Expires = []string{"Member"}, 24*time.Hour, d.Time.Add(24*time.Hour)
		}},
		{"reset", outbox.Reset, same},
		{"password_changed", outbox.PasswordChanged, func(d *outbox.Data) { d.Actor = outbox.Person{} }},
		{"password_changed_by_administrator", outbox.PasswordChanged, func(d *outbox.Data) { d.Peer = "" }},
		{"email_change_old", outbox.EmailChangeOld, same},
		{"email_change_new", outbox.EmailChangeNew, same},
		{"email_changed", outbox.EmailChanged, same},
		{"second_factor_on", outbox.SecondFactorOn, same},
		{"second_factor_off", outbox.SecondFactorOff, same},
		{"second_factor_reset", outbox.SecondFactorReset, same},
		{"recovery_code_used", outbox.RecoveryCodeUsed, same},
		{"recovery_code_used_one_left", outbox.RecoveryCodeUsed, func(d *outbox.Data) { d.CodesLeft = 1 }},
		{"recovery_code_used_none_left", outbox.RecoveryCodeUsed, func(d *outbox.Data) { d.CodesLeft = 0 }},
		{"recovery_codes_new", outbox.RecoveryCodesNew, func(d *outbox.Data) { d.Organization = "" }},
		{"root_offer", outbox.RootOffer, same},
		{"root_transferred", outbox.RootTransferred, same},
		{"new_sign_in_locked", outbox.NewSignInLocked, same},
		{"new_sign_in_locked_for_good", outbox.NewSignInLocked, func(d *outbox.Data) { d.Expires = time.Time{} }},
	}
}

// TestMails holds every word of the shipped mails as a golden file (E8, E9, E10, L5, SB-50, SB-54).
func TestMails(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"layout.html": true}
	for _, m := range mails() {
		seen[string(m.name)+".txt"], seen[string(m.name)+".html"] = true, true
		d := complete()
		m.change(&d)
		subject, text, html, err := outbox.English().Render(m.name, "", d)
		if err != nil {
			t.Errorf("%s: %v", m.golden, err)
			continue
		}
		golden(t, m.golden+".txt", "Subject: "+subject+"\n\n"+text)
		golden(t, m.golden+".html", html+"\n")
		for line := range strings.Lines(text) {
			if n := len([]rune(line)) - 1; n > 72 && strings.Contains(line, " ") {
				t.Errorf("%s: a line has %d characters: %s", m.golden, n, line)
			}
		}
		for _, remote := range []string{"<img", "<script", "<link", "url(", "src=", "@import"} {
			if strings.Contains(html, remote) {
				t.Errorf("%s: the HTML fetches something: %s", m.golden, remote)
			}
		}
	}
	files, err := os.ReadDir("templates/en")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.Name()] {
			t.Errorf("%s is rendered by no case", f.Name())
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed: read it, and run go test -update when it is right\n%s", file, got)
	}
}

// TestDataIsChecked proves that no mail goes out that does not say what it is for.
func TestDataIsChecked(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   outbox.Name
		change func(*outbox.Data)
		want   string // "" for no error
	}{
		{outbox.Invitation, func(d *outbox.Data) { d.Product = "\n" }, "outbox: invitation: Data.Product is missing"},
		{outbox.Invitation, func(d *outbox.Data) { d.Organization = "\u202e" }, "outbox: invitation: Data.Organization is missing"},
		{outbox.Invitation, func(d *outbox.Data) { d.Recipient.Email = "" }, "outbox: invitation: Data.Recipient.Email is missing"},
		{outbox.Invitation, func(d *outbox.Data) { d.Link = iam.Secret{} }, "outbox: invitation: Data.Link is missing"},
		{outbox.Invitation, func(d *outbox.Data) { d.LoginAddress = "" }, "outbox: invitation: Data.LoginAddress is missing"},
		{outbox.Invitation, func(d *outbox.Data) { d.Expires = time.Time{} }, "outbox: invitation: Data.Expires is missing"},
		{outbox.Invitation, func(d *outbox.Data) { d.Lifetime = -1 }, "outbox: invitation: Data.Lifetime is missing"},
		{outbox.EmailChanged, func(d *outbox.Data) { d.OldEmail = "" }, "outbox: email_changed: Data.OldEmail is missing"},
		{outbox.EmailChangeOld, func(d *outbox.Data) { d.NewEmail = "" }, "outbox: email_change_old: Data.NewEmail is missing"},
		{outbox.RootTransferred, func(d *outbox.Data) { d.Owner = outbox.Person{} }, "outbox: root_transferred: Data.Owner is missing"},
		{outbox.SecondFactorOn, func(d *outbox.Data) { d.Time = time.Time{} }, "outbox: second_factor_on: Data.Time is missing"},
		{outbox.RecoveryCodeUsed, func(d *outbox.Data) { d.CodesLeft = -1 }, "outbox: recovery_code_used: Data.CodesLeft is negative"},
		{outbox.SecondFactorOn, func(d *outbox.Data) { d.LoginAddress = "login" }, "outbox: second_factor_on: Data.LoginAddress is no http or https address"},
		{outbox.SecondFactorOn, func(d *outbox.Data) { d.LoginAddress, d.Link = "", iam.Secret{} }, ""},
		{"", func(*outbox.Data) {}, `outbox: no mail has the name ""`},
		{"../invitation", func(*outbox.Data) {}, `outbox: no mail has the name "../invitation"`},
		{"layout", func(*outbox.Data) {}, `outbox: no mail has the name "layout"`},
	}
	for _, bad := range []string{
		"javascript:alert(1)", "//acme.example/x", "/activate", "ftp://acme.example", "https://", "https:///x", "https://bank.example@evil.example/",
		"https://acme.example/a b", "https://acme.example/\n", "https://acme.example/\"x", "https://acme.example/<x>", "https://аcme.example/",
		"https://acme.example\\@evil.example", "https://acme.example/" + strings.Repeat("a", 2000), "data:text/html,x", " https://acme.example",
	} {
		cases = append(cases, struct {
			name   outbox.Name
			change func(*outbox.Data)
			want   string
		}{outbox.Reset, func(d *outbox.Data) { d.Link = iam.NewSecret(bad) }, "outbox: reset: Data.Link is no http or https address"})
	}
	for _, c := range cases {
		d := complete()
		c.change(&d)
		subject, text, html, err := outbox.English().Render(c.name, "en", d)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if err != nil && subject+text+html != "" {
			t.Errorf("%s: a mail comes with the error %v", c.name, err)
		}
	}
}
