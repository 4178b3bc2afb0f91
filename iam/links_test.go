package iam_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// E9, E10, SB-94: addresses come from the configuration alone, and say what they are for.
func TestLinks(t *testing.T) {
	t.Parallel()
	token := must(iam.NewToken(rand.Reader))(t)
	for _, tt := range []struct {
		config                  iam.Config
		login, root, activation string
	}{
		{
			iam.Config{BaseURL: "https://console.example.com"},
			"https://console.example.com/o/acme/login", "https://console.example.com/login", "https://console.example.com/activate?token=",
		},
		{
			iam.Config{BaseURL: "http://localhost:8080/app/", Paths: iam.Paths{Login: "/sign-in/{org}/", Activate: "/a/b", RootLogin: "/root"}},
			"http://localhost:8080/app/sign-in/acme/", "http://localhost:8080/app/root", "http://localhost:8080/app/a/b?token=",
		},
	} {
		svc := must(iam.New(away{}, emqx.System(), tt.config))(t)
		equal(t, "login", must(svc.LoginAddress("acme"))(t), tt.login)
		equal(t, "root's login", must(svc.RootLoginAddress())(t), tt.root)
		link := must(svc.Link(iam.ForInvitation, token))(t)
		equal(t, "activation", link.Reveal(), tt.activation+token.Reveal())
		for _, purpose := range []iam.TokenPurpose{iam.ForReset, iam.ForOldEmail, iam.ForNewEmail} {
			if link := must(svc.Link(purpose, token))(t); !strings.HasSuffix(link.Reveal(), "?token="+token.Reveal()) {
				t.Errorf("%s: no token in its link", purpose)
			}
		}
		if _, err := svc.Link("cake", token); err == nil {
			t.Error("there is a page for a purpose that there is not")
		}
		odd := must(svc.LoginAddress("a/../b?c#d"))(t)
		if strings.Contains(odd, "..") && !strings.Contains(odd, "%2F..%2F") || strings.ContainsAny(odd, "?#") {
			t.Errorf("an organisation's id changes the address: %s", odd)
		}
	}
}

func TestLinksRefused(t *testing.T) {
	t.Parallel()
	for _, config := range []iam.Config{
		{BaseURL: "console.example.com"}, {BaseURL: "ftp://console.example.com"}, {BaseURL: "https://"}, {BaseURL: "https://a@b.example"},
		{BaseURL: "https://b.example?c=d"}, {BaseURL: "https://b.example#d"}, {BaseURL: "javascript:alert(1)"}, {BaseURL: "https://b.example/\n"},
		{Paths: iam.Paths{Login: "login"}}, {Paths: iam.Paths{Reset: "//evil.example"}}, {Paths: iam.Paths{Activate: "/a?b"}},
		{Paths: iam.Paths{ConfirmEmail: `/\evil.example`}}, {Paths: iam.Paths{RootLogin: "/a b"}},
		{Keys: iam.Keys{{ID: "", Secret: [32]byte{1}}}}, {Keys: iam.Keys{{ID: "a.b", Secret: [32]byte{1}}}}, {Keys: iam.Keys{{ID: "a"}}},
		{Keys: iam.Keys{{ID: "a", Secret: [32]byte{1}}, {ID: "a", Secret: [32]byte{2}}}},
	} {
		if _, err := iam.New(away{}, emqx.System(), config); err == nil {
			t.Errorf("%+v was taken", config)
		}
	}
}

// SB-94: without a base URL nobody is invited, and nothing is stored.
func TestInviteWithoutBaseURL(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(w *world) {
		o := w.inviting(emqx.System())
		bare := must(iam.New(w.st, emqx.System(), iam.Config{Now: o.clock.now}))(w)
		root := bare.As(must(bare.Subject(w.Context(), o.rootID))(w))
		o.unchanged(func() {
			_, _, err := root.Invite(w.Context(), iam.InviteParams{Email: address("uma"), Roles: []policy.Role{emqx.Auditor}})
			w.wrong(err, "Config.BaseURL")
		})
	})
}
