package adminhttp_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/store/testdb"
)

// A list is reported on line by line, with a summary at the end; a dry run reports the same and keeps nothing.
func TestImport(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[1])
	o := h.organization()
	admin := o.account(lanit.Admin)
	list := "email,roles,name\nann@x.example,member,Ann\nnobody,member,N\nbob@x.example,none,Bob\nann@x.example,member,Ann\nmax@x.example,master,Max\ncut\n"
	want := []string{
		`{"line":2,"email":"ann@x.example","account":"…"}`,
		`{"line":3,"email":"nobody","field":"email","problem":"want one plain address with one @, such as ann@example.com"}`,
		`{"line":4,"email":"bob@x.example","field":"roles","problem":"unknown role \"none\""}`,
		`{"line":5,"email":"ann@x.example","field":"email","problem":"the address stands in line 2 already"}`,
		`{"line":6,"email":"max@x.example","problem":"forbidden"}`,
		`{"line":7,"field":"line","problem":"has 1 fields: want 3, as the first line"}`,
		`{"summary":{"invited":1,"refused":5,"last_line":7}}`,
	}
	for _, dry := range []bool{true, false} {
		before := h.rows()
		w := h.request("POST", fmt.Sprintf("%s/invitations/import?dry_run=%v", prefix, dry), admin, "text/csv; charset=UTF-8", list)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
			t.Fatalf("got %d %v: %s", w.Code, w.Header(), w.Body)
		}
		lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
		for i, got := range lines {
			var line map[string]any
			h.ok(json.Unmarshal([]byte(got), &line))
			if id, ok := line["account"].(string); ok {
				got = strings.Replace(got, id, "…", 1)
			}
			if i >= len(want) || got != want[i] {
				t.Errorf("dry run %v: line %d: got %s", dry, i, got)
			}
		}
		if len(lines) != len(want) || (h.rows() == before) != dry {
			t.Errorf("dry run %v: got %d lines, and rows that are equal: %v", dry, len(lines), h.rows() == before)
		}
	}
	// What is wrong with a list as a whole names line and column; what was settled before it is told.
	w := h.request("POST", prefix+"/invitations/import", admin, "text/csv", "email,roles,email\n")
	if want := `"status":422,"detail":"line 1: the column is there twice","field":"email"}`; !strings.HasSuffix(w.Body.String(), want) {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

// A stream that fails behind its beginning breaks off: no client takes it for a whole one.
func TestStreamsBreakOff(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[1])
	o := h.organization()
	server := httptest.NewServer(h.api)
	t.Cleanup(server.Close)
	var list strings.Builder
	list.WriteString("email,roles\n")
	for i := range 300 { // more than one transaction
		fmt.Fprintf(&list, "a%d@x.example,member\n", i)
	}
	list.WriteString("\"x") // a quote that never ends
	r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+prefix+"/invitations/import?dry_run=true", strings.NewReader(list.String()))
	h.ok(err)
	r.Header.Set("Test-Account", string(o.root))
	r.Header.Set("Content-Type", "text/csv")
	answer, err := server.Client().Do(r)
	h.ok(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil || answer.StatusCode != 200 || strings.Contains(string(body), "summary") {
		t.Errorf("got the status %d, a whole answer: %v", answer.StatusCode, err == nil)
	}
	if !strings.Contains(h.logs.String(), "failed after its answer had begun") {
		t.Errorf("the log does not have it: %s", h.logs)
	}
}

// The log is taken away whole as a table and as JSON, which verifies without the database; a verification tells what
// was tampered with.
func TestExportAndVerify(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	for range 3 {
		o.account(o.least)
		h.clock.advance(time.Minute)
	}
	w := h.get(o.root, "/events/export.jsonl")
	if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="events.jsonl"` {
		t.Errorf("got Content-Disposition %q", got)
	}
	report, err := iam.VerifyExport(strings.NewReader(w.Body.String()), nil, iam.Checkpoint{})
	if lines := strings.Count(w.Body.String(), "\n"); err != nil || int(report.Events) != lines || lines < 5 {
		t.Errorf("got %d verified events of %d lines, %v", report.Events, lines, err)
	}
	table := h.get(o.root, "/events/export.csv?type=account.created")
	rows := bufio.NewScanner(table.Body)
	n := 0
	for rows.Scan() {
		n++
	}
	if table.Header().Get("Content-Type") != "text/csv" || n != 5 { // headings, root, three
		t.Errorf("got %s, %d rows", table.Header().Get("Content-Type"), n)
	}

	verify := func(body string) (v struct {
		OK                      bool
		Events                  int
		Checkpoint, At, Problem string
	}) {
		w := h.send(o.root, "POST", "/events/verify", body)
		if w.Code != 200 {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
		h.ok(json.Unmarshal(w.Body.Bytes(), &v))
		return v
	}
	good := verify(`{}`)
	if !good.OK || good.Events < 7 || good.Checkpoint == "" || good.Problem != "" {
		t.Errorf("got %+v", good)
	}
	since, _ := json.Marshal(map[string]string{"since": good.Checkpoint})
	if again := verify(string(since)); !again.OK || again.Events != 0 {
		t.Errorf("since the checkpoint: got %+v", again)
	}
	h.ok(h.db.Exec("UPDATE iam_events SET target = 'x' WHERE type = 'account.created' AND org_id = ? AND revision = 3", o.id).Error)
	if bad := verify(`{}`); bad.OK || bad.At != "3.1" || bad.Problem == "" {
		t.Errorf("after tampering: got %+v", bad)
	}
	for _, since := range []string{"x", strings.Replace(good.Checkpoint, string(o.id), "another", 1)} {
		text, _ := json.Marshal(map[string]string{"since": since})
		if w := h.send(o.root, "POST", "/events/verify", string(text)); w.Code != 422 || !strings.Contains(w.Body.String(), `"field":"since"`) {
			t.Errorf("since %q: got %d %s", since, w.Code, w.Body)
		}
	}
}

// SB-85: who may read the log and not take it away gets a problem, and no file.
func TestRefusedExportIsNoFile(t *testing.T) {
	t.Parallel()
	h := newHostOn(t, testdb.Open(t, testdb.SQLite), systems()[0], func(*adminhttp.Config) {})
	o := h.organization()
	w := h.get(o.account(o.other), "/events/export.csv")
	if w.Code != 403 || w.Header().Get("Content-Disposition") != "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}
