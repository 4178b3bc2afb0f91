package iam_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// originOf is a place that requests come from.
func originOf(peer, request string) iam.Origin {
	return iam.Origin{Peer: netip.MustParseAddr(peer), Request: request}
}

// What comes from outside is made such that it can be stored.
func TestOriginIsCut(t *testing.T) {
	t.Parallel()
	if got := iam.OriginOf(context.Background()); got != (iam.Origin{}) {
		t.Errorf("got %+v of no origin", got)
	}
	long := strings.Repeat("ü", 200)
	for _, tt := range []struct{ peer, text, wantPeer, wantText string }{
		{"192.0.2.1", "req-7", "192.0.2.1", "req-7"},
		{"::ffff:192.0.2.1", "", "192.0.2.1", ""},
		{"fe80::1%eth0", "a\r\nb\x00\xff", "fe80::1", "a\ufffd\ufffdb\ufffd\ufffd"},
		{"2001:db8::1", long, "2001:db8::1", strings.Repeat("ü", 127)},
	} {
		o := originOf(tt.peer, tt.text)
		o.Agent = tt.text
		got := iam.OriginOf(iam.WithOrigin(t.Context(), o))
		want := iam.Origin{Peer: netip.MustParseAddr(tt.wantPeer), Request: tt.wantText, Agent: tt.wantText}
		if got != want {
			t.Errorf("WithOrigin(%+v): got %+v, want %+v", o, got, want)
		}
	}
}

// SB-81: every event says from where and in which request; and who acted, as it stood then.
func TestEventsSayFromWhere(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		o := w.organization(emqx.System())
		admin, _, err := o.system().CreateAccount(o.Context(), iam.CreateAccountParams{
			Email: "admin@acme.example", Roles: []policy.Role{emqx.Auditor, emqx.Administrator}, Active: true,
		})
		w.ok(err)
		actor := o.as(admin.ID)
		target := o.account(emqx.ProjectUser)
		before := o.log()
		ctx := iam.WithOrigin(o.Context(), originOf("::ffff:192.0.2.1", "req\n7"))
		must(actor.Disable(ctx, target))(w)
		w.ok(actor.Record(ctx, iam.RecordParams{Type: "x"}))
		w.refused(actor.Delete(ctx, o.rootID), iam.ErrForbidden)
		all := o.log()[len(before):]
		equal(w, "the last event", all[len(all)-1].Type, iam.AuthorizationDenied)
		for _, e := range all {
			equal(w, "from where", e.Peer+" "+e.Request, "192.0.2.1 req\ufffd7")
			equal(w, "who", string(e.Email)+" "+e.Role, "admin@acme.example administrator auditor")
		}
	})
}
