package iam_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// FuzzParseToken takes the one spelling of 32 bytes, and nothing else (SB-11, SB-23).
func FuzzParseToken(f *testing.F) {
	whole := strings.Repeat("A", 43)
	for _, seed := range []string{"", whole, whole + "\n", whole[1:] + "B", whole + "=", "+" + whole[1:], strings.Repeat("\n", 60) + whole} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token := iam.ParseToken(text)
		if token.IsZero() != (token.Hash() == "") {
			t.Errorf("%q: got the hash %q", text, token.Hash())
		}
		if !token.IsZero() && (token.Reveal() != text || len(text) != 43 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "") {
			t.Errorf("%q is a token", text)
		}
	})
}

// FuzzPinned reads a pinned subject as a row may have been damaged: it is the session's own account, or an error (L10).
func FuzzPinned(f *testing.F) {
	svc := must(iam.New(away{}, lanit.System(), iam.Config{}))(f)
	session := iam.SessionRecord{Status: iam.Active}
	session.ID, session.Org, session.Account = "s", "acme", "ann"
	whole, err := json.Marshal(iam.SubjectRecord{Account: "ann", Org: "acme", Status: iam.Active, Roles: []policy.Role{lanit.Master}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(whole), "null", "{}", "[]", strings.Replace(string(whole), "ann", "bob", 1), strings.Replace(string(whole), "acme", "globex", 1), strings.Repeat("[", 20000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return // the session keeps nothing, and the store is asked
		}
		session.Pinned = text
		sub, err := svc.SubjectOf(t.Context(), session)
		switch {
		case err != nil && sub.ID() != "":
			t.Errorf("%q: got %q, and %v", text, sub.ID(), err)
		case err == nil && (sub.ID() != "ann" || sub.Org() != "acme" || sub.Root() || sub.Status() != iam.Active):
			t.Errorf("%q: got %q of %q", text, sub.ID(), sub.Org())
		}
	})
}

// FuzzOrigin cuts what others say about a request to what the log can hold, on one line (SB-32, SB-84).
func FuzzOrigin(f *testing.F) {
	f.Add("192.0.2.1", "request 7", "Mozilla/5.0")
	f.Add("::ffff:192.0.2.1", "a\nb\x00\u202e\xff", strings.Repeat("\u20ac", 100))
	f.Add("fe80::1%eth0\n", strings.Repeat("x", 254)+"\u20ac", "")
	f.Fuzz(func(t *testing.T, peer, request, agent string) {
		addr, _ := netip.ParseAddr(peer)
		got := iam.OriginOf(iam.WithOrigin(t.Context(), iam.Origin{Peer: addr, Request: request, Agent: agent}))
		if got.Peer.Zone() != "" || got.Peer.Is4In6() || got.Peer.IsValid() != addr.IsValid() {
			t.Errorf("%q: got the peer %v", peer, got.Peer)
		}
		for _, text := range [][2]string{{request, got.Request}, {agent, got.Agent}} {
			if len(text[1]) > iam.MaxID || !utf8.ValidString(text[1]) || strings.ContainsFunc(text[1], unicode.IsControl) || (text[0] == "") != (text[1] == "") {
				t.Errorf("%q: got %q", text[0], text[1])
			}
		}
		if again := iam.OriginOf(iam.WithOrigin(t.Context(), got)); again != got {
			t.Errorf("got %+v, and of that %+v", got, again)
		}
	})
}
