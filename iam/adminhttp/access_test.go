package adminhttp_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

const accessHead = `# Who may do what through the API, as statuses: a row an operation, a column an account of each role, and nobody.
# Each request is one that would do something, on an account of the least role: 2xx is done, 403 refused.
# 404 stands where there is nothing of the kind for whoever asks, and 422 for what the system does not have.

`

// SB-60, SB-61: each role of each shipped system may do through the API what the golden file says; every answer is one that the
// document declares, and none has a secret in it (SB-70).
func TestAccess(t *testing.T) {
	t.Parallel()
	var all bytes.Buffer
	all.WriteString(accessHead)
	tables := make([]string, len(systems()))
	t.Run("systems", func(t *testing.T) {
		for i, s := range systems() {
			t.Run(s.system.Name, func(t *testing.T) {
				t.Parallel()
				tables[i] = access(t, s)
			})
		}
	})
	for _, table := range tables {
		all.WriteString(table + "\n")
	}
	golden(t, "access.golden", all.Bytes())
}

// access is the table of one system.
func access(t *testing.T, s shipped) string {
	h := newHost(t, s)
	roles := s.system.Policy.Roles()
	var b bytes.Buffer
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\tnobody\t*root", s.system.Name)
	asked := []policy.Role{"", "*root"}
	for _, role := range roles {
		if role != h.svc.Rules().RootRole || role == "master" {
			asked = append(asked, role)
			fmt.Fprintf(table, "\t%s", role)
		}
	}
	fmt.Fprintln(table)
	for _, op := range h.operations() {
		fmt.Fprint(table, op.id)
		for _, role := range asked {
			o := h.organization() // each has its own, so that nothing is left of the one before
			who := o.asker(role)
			h.clock.advance(2 * time.Hour)
			in := calls()[op.id](o, who)
			w := h.call(op, who, in)
			fmt.Fprintf(table, "\t%d", w.Code)
			h.declared(op, w)
			if strings.Contains(w.Body.String(), canary) {
				t.Errorf("%s: a secret is in the answer: %s", op.id, w.Body)
			}
		}
		fmt.Fprintln(table)
	}
	h.ok(table.Flush())
	if strings.Contains(h.logs.String(), canary) {
		t.Error("a secret is in the log")
	}
	return b.String()
}

// asker is an account of the role; "" for nobody.
func (o *org) asker(role policy.Role) policy.AccountID {
	o.Helper()
	switch role {
	case "":
		return ""
	case "*root":
		return o.root
	default:
		return o.account(role)
	}
}

// declared wants an answer that the document declares, with the headers of all.
func (h *host) declared(op *operation, w *httptest.ResponseRecorder) {
	h.Helper()
	if err := h.document().answers(op, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()); err != nil {
		h.Errorf("%s: %d: %v\n%s", op.id, w.Code, err, w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		h.Errorf("%s: got Cache-Control %q", op.id, got)
	}
	if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" && w.Code != 204 {
		h.Errorf("%s: got X-Content-Type-Options %q", op.id, got)
	}
}
