package outbox_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
)

// What cannot work is refused when the host starts, and not when a mail is due (SB-94).
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	store := new(unwanted)
	homeless := must(iam.New(store, emqx.System(), iam.Config{}))(t)
	good := must(iam.New(store, emqx.System(), iam.Config{BaseURL: host}))(t)
	for _, c := range []struct {
		name   string
		svc    *iam.Service
		config outbox.Config
		want   string
	}{
		{"no service", nil, outbox.Config{}, "outbox: the iam service is nil"},
		{"no base URL", homeless, outbox.Config{}, "iam: Config.BaseURL: "},
		{"a negative poll", good, outbox.Config{Poll: -1}, "outbox: Config: "},
		{"a negative lease", good, outbox.Config{Lease: -1}, "outbox: Config: "},
		{"a negative end", good, outbox.Config{GiveUp: -1}, "outbox: Config: "},
		{"a negative number of workers", good, outbox.Config{Parallel: -1}, "outbox: Config: "},
	} {
		if out, err := outbox.New(c.svc, nil, c.config); err == nil || out != nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got the error %v, want %s…", c.name, err, c.want)
		}
	}
	if _, err := outbox.New(good, nil, outbox.Config{}); err != nil {
		t.Errorf("the zero Config: %v", err)
	}
}

// What a host configures reaches its mails: the sender, its own name, the language of each account, and for how
// long a mail without a link is tried.
func TestConfigReachesTheMail(t *testing.T) {
	t.Parallel()
	w := onSQLite(t, emqx.System())
	german := must(outbox.English().With(fstest.MapFS{
		"de/password_changed.txt": {Data: []byte("Subject: {{.Product}}: Kennwort\n\n{{utc .Time}}\n")},
	}))(t)
	var got iam.Message
	mailer := mailerFunc(func(_ context.Context, m iam.Message) (string, error) {
		got = m
		return "", context.DeadlineExceeded
	})
	out := w.outbox(w.svc, mailer, outbox.Config{
		Templates: german, From: "Acme <no-reply@acme.example>", GiveUp: 90 * time.Second,
		Language: func(account iam.Account) string {
			if account.ID != w.root {
				w.Errorf("the language of %q is asked for", account.ID)
			}
			return "de-AT"
		},
	})
	id := w.notices(w.org, w.root, 1)[0]
	w.sends(out, 1)
	if got.From != "Acme <no-reply@acme.example>" || got.To != "rosa@acme.example" || got.ID != string(id) {
		w.Errorf("the mail is from %q to %q with the id %q", got.From, got.To, got.ID)
	}
	if want := "cloud.acme.example: Kennwort"; got.Subject != want || got.Text != "2026-01-02 09:00 UTC\n" {
		w.Errorf("the mail is %q, %q; want %q", got.Subject, got.Text, want)
	}
	w.clock.advance(time.Minute)
	w.sends(out, 1)
	if m := w.mail(id); m.State != iam.MailExpired || m.Tries != 2 {
		w.Errorf("after 90 seconds the mail is %s, with %d tries", m.State, m.Tries)
	}
}
