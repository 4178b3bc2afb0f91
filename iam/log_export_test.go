package iam_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
)

func TestExportEvents(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-85: who reads the log does not yet take it away", whoExports)
		w.run("an export is on record, with what was asked for", exportIsRecorded)
		w.run("the CSV is a table for people", exportCSV)
		w.run("the JSON has every value, and is verified without the database", exportJSON)
		w.run("an export goes on where one has ended", exportSince)
		w.run("an export ends, and few events are in memory", exportInPages)
	})
}

func whoExports(w *world) {
	o := w.organization(emqx.System())
	for _, role := range subAccountRoles {
		var b bytes.Buffer
		err := o.as(o.account(role)).ExportEvents(o.Context(), &b, iam.ExportParams{})
		equal(w, string(role)+" exports", err == nil, role == emqx.Administrator)
		if err != nil {
			w.refused(err, iam.ErrForbidden)
			equal(w, string(role)+" gets", b.Len(), 0)
		}
	}
	w.ok(o.root().ExportEvents(o.Context(), io.Discard, iam.ExportParams{}))
	for _, line := range strings.Split(o.export(iam.ExportParams{Format: iam.ExportJSON}), "\n") {
		if line != "" && !strings.HasPrefix(line, `{"org":"`+string(o.id)+`"`) {
			w.Errorf("another organisation's: %s", line)
		}
	}
}

// export is what root exports.
func (o *org) export(params iam.ExportParams) string {
	o.Helper()
	var b strings.Builder
	o.ok(o.root().ExportEvents(o.Context(), &b, params))
	return b.String()
}

var errPipe = errors.New("the pipe is broken")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func exportIsRecorded(w *world) {
	o := w.organization(emqx.System())
	for _, format := range []iam.ExportFormat{iam.ExportCSV, iam.ExportJSON} {
		before := o.log()
		w.refused(o.root().ExportEvents(o.Context(), brokenPipe{}, iam.ExportParams{Format: format}), errPipe)
		same(w, "events of one that breaks off", saidAll(o.log()[len(before):]), []string{`events.exported, format "" to "` + string(format) + `"`})
	}
	before := o.log()
	o.export(iam.ExportParams{Query: iam.EventQuery{
		Actor: "ann", Target: "t\n", Type: "Login", From: morning, To: morning.Add(time.Hour),
		Outcomes: []iam.Outcome{iam.Done, iam.Failed}, After: iam.EventPosition{Revision: 2, Ordinal: 1},
	}})
	after := o.log()[len(before):]
	same(w, "events", saidAll(after), []string{`events.exported, format "" to "csv", actor "" to "ann", target "" to "t` + "\ufffd" +
		`", type "" to "Login", outcome "" to "done", outcome "" to "failed", from "" to "2026-01-02T09:00:00Z", to "" to "2026-01-02T10:00:00Z", after "" to "2.1"`})
	equal(w, "who exported", after[0].Actor, o.rootID)
	o.quiet(func() {
		w.wrong(o.root().ExportEvents(o.Context(), io.Discard, iam.ExportParams{Format: "xml"}), "Format")
	})
}

func exportCSV(w *world) {
	o := w.organizationWith(emqx.System(), iam.CreateOrganizationParams{Name: "=cmd|' /C calc'!A0", Root: &iam.CreateAccountParams{Email: "root@acme.example"}})
	ctx := iam.WithOrigin(o.Context(), originOf("192.0.2.1", "req-7"))
	w.ok(o.root().Record(ctx, iam.RecordParams{Type: "DeploymentCreated", Target: "@d1", Outcome: iam.Failed, Changes: []iam.FieldChange{
		{Field: "=name", After: "a\r\nb;=1+1"}, {Field: "note", Before: "\u202ex", After: "Zoë, \"z\""},
	}}))
	text := o.export(iam.ExportParams{})
	if n := strings.Count(text, "\n"); n != 5 || strings.Count(text, "\r\n") != n {
		w.Errorf("got %d lines in %q", n, text)
	}
	rows := must(csv.NewReader(strings.NewReader(text)).ReadAll())(w)
	same(w, "the headings", rows[0], strings.Split("Time,Type,Outcome,Operator,Account Type,IP,Target,Description,Request,Revision,Ordinal,Hash", ","))
	var hashes []string
	for _, e := range o.log() {
		hashes = append(hashes, e.Hash)
	}
	const at = "2026-01-02T09:00:00Z"
	same(w, "a row", rows[1], []string{at, "organization.created", "done", "test", "system", "", string(o.id), "name: =cmd|' /C calc'!A0", "", "1", "1", hashes[0]})
	same(w, "a row that is hostile", rows[3], []string{
		at, "DeploymentCreated", "failed", "root@acme.example", "root", "192.0.2.1", "'@d1",
		`'=name: a\u000d\u000ab;'=1+1; note: Zoë, "z", before \u202ex`, "req-7", "1", "3", hashes[2],
	})
	same(w, "the export itself is the last", rows[4][1:4], []string{"events.exported", "done", "root@acme.example"})
}

func exportJSON(w *world) {
	key := []byte("key")
	o := w.keyed("key")
	w.ok(o.root().Record(o.Context(), iam.RecordParams{Type: "x", Changes: []iam.FieldChange{{Field: "f", After: "a\r\n\u2028\u202e<&>\"\\ü😀"}}}))
	text := o.export(iam.ExportParams{Format: iam.ExportJSON})
	var all []iam.Event
	for line := range strings.Lines(text) {
		var e iam.Event
		w.ok(json.Unmarshal([]byte(line), &e))
		all = append(all, e)
	}
	if want := o.log(); !reflect.DeepEqual(all, want) {
		w.Errorf("got\n%+v\nwant\n%+v", all, want)
	}
	equal(w, "the report", must(iam.VerifyExport(strings.NewReader(text), key, iam.Checkpoint{}))(w),
		iam.LogReport{Events: int64(len(all)), Checkpoint: o.checkpoint()})

	lines := slices.Collect(strings.Lines(text))
	n := len(lines)
	for name, tt := range map[string]struct {
		text string
		key  string
	}{
		"without the key":         {text, ""},
		"another key":             {text, "k"},
		"nothing":                 {"", "key"},
		"the first one gone":      {strings.Join(lines[1:], ""), "key"},
		"one gone":                {strings.Join(slices.Delete(slices.Clone(lines), 2, 3), ""), "key"},
		"one twice":               {lines[0] + text, "key"},
		"one changed":             {strings.Replace(text, `"target":"d0"`, `"target":"d9"`, 1), "key"},
		"no JSON":                 {lines[0] + "hello\n", "key"},
		"an empty line":           {lines[0] + "\n" + lines[1], "key"},
		"an array":                {"[" + lines[0] + "]", "key"},
		"cut off in a line":       {text[:len(text)-9], "key"},
		"a second value":          {strings.Replace(text, `"target":"d0"`, `"target":"forged","target":"d0"`, 1), "key"},
		"a key of another case":   {strings.Replace(text, `"target":"d0"`, `"Target":"forged","target":"d0"`, 1), "key"},
		"a key that is not known": {strings.Replace(text, `"target":"d0"`, `"target":"d0","by":"x"`, 1), "key"},
		"another zone":            {strings.Replace(text, `09:00:00Z"`, `10:00:00+01:00"`, 1), "key"},
		"another organisation":    {strings.Replace(text, string(o.id), "globex", 1), "key"},
		"a filtered one":          {o.export(iam.ExportParams{Format: iam.ExportJSON, Query: iam.EventQuery{Type: "DeploymentCreated"}}), "key"},
		"a line without an end":   {lines[0] + strings.Repeat("x", 1<<25+1), "key"},
	} {
		var wrong *iam.LogError
		if report, err := iam.VerifyExport(strings.NewReader(tt.text), []byte(tt.key), iam.Checkpoint{}); !errors.As(err, &wrong) {
			w.Errorf("%s: got %+v and the error %v, want a LogError", name, report, err)
		}
	}
	// What a file cannot tell, the checkpoint does.
	report := must(iam.VerifyExport(strings.NewReader(strings.Join(lines[:n-2], "")), key, iam.Checkpoint{}))(w)
	equal(w, "the count of one whose end was cut off", report.Checkpoint.Count, int64(n-2))
	// Text mode on another system is no forgery.
	must(iam.VerifyExport(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")), key, iam.Checkpoint{}))(w)
	_, err := iam.VerifyExport(io.MultiReader(strings.NewReader(lines[0]), brokenReader{}), key, iam.Checkpoint{})
	w.refused(err, errPipe)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errPipe }

func exportSince(w *world) {
	o := w.keyed("key")
	first := must(iam.VerifyExport(strings.NewReader(o.export(iam.ExportParams{Format: iam.ExportJSON})), []byte("key"), iam.Checkpoint{}))(w)
	o.host(3)
	next := o.export(iam.ExportParams{Format: iam.ExportJSON, Query: iam.EventQuery{After: first.Checkpoint.Position}})
	report := must(iam.VerifyExport(strings.NewReader(next), []byte("key"), first.Checkpoint))(w)
	equal(w, "the report", report, iam.LogReport{Events: 4, Checkpoint: o.checkpoint()})
	var wrong *iam.LogError
	if _, err := iam.VerifyExport(strings.NewReader(next), []byte("key"), iam.Checkpoint{}); !errors.As(err, &wrong) {
		w.Errorf("without the checkpoint: got the error %v", err)
	}
	if _, err := iam.VerifyExport(strings.NewReader(next), []byte("key"), iam.Checkpoint{Org: "a", Count: -1}); !errors.As(err, &wrong) {
		w.Errorf("with a checkpoint that is none: got the error %v", err)
	}
	// No news since then is none.
	equal(w, "the report of nothing", must(iam.VerifyExport(strings.NewReader(""), nil, first.Checkpoint))(w), iam.LogReport{Checkpoint: first.Checkpoint})
}

// growing records an event for each Write: a log that grows as fast as it is read.
type growing struct {
	o *org
	n int
}

func (g *growing) Write(p []byte) (int, error) {
	g.n++
	return len(p), g.o.system().Record(g.o.Context(), iam.RecordParams{Type: "x"})
}

func exportInPages(w *world) {
	o := w.keyed("")
	o.many(2100)
	all := o.checkpoint().Count
	var queries []iam.EventQuery
	var found int
	svc := o.svc.WithStore(watched{w.st, &queries, &found})
	grows := &growing{o: o}
	var b bytes.Buffer
	w.ok(svc.System("test").In(o.id).ExportEvents(o.Context(), io.MultiWriter(&b, grows), iam.ExportParams{
		Format: iam.ExportJSON, Query: iam.EventQuery{Limit: 1, Before: iam.EventPosition{Revision: 1, Ordinal: 1}},
	}))
	equal(w, "events", int64(bytes.Count(b.Bytes(), []byte("\n"))), all+1)
	equal(w, "the log has grown", grows.n > 10, true)
	equal(w, "queries", len(queries), 3)
	for _, q := range queries {
		equal(w, "events at once", q.Limit, 1000)
	}
	must(iam.VerifyExport(&b, nil, iam.Checkpoint{}))(w)
}

// FuzzVerifyExport: whatever a file holds, nothing passes but what the library writes.
func FuzzVerifyExport(f *testing.F) {
	const first = `{"org":"acme","revision":1,"ordinal":1,"time":"2026-01-02T09:00:00Z","type":"t","outcome":"","actor":"","email":"","role":"",` +
		`"reason":"","peer":"","request":"","target":"","changes":[],"hash":""}`
	f.Add(first)
	f.Add(first + "\n" + strings.Replace(first, `"ordinal":1`, `"ordinal":2`, 1) + "\n")
	f.Add(strings.Replace(first, "[]", `[{"field":"f","before":"","after":"x"}]`, 1))
	f.Add("")
	f.Add("{}\n{}")
	f.Add("null")
	f.Fuzz(func(t *testing.T, text string) {
		report, err := iam.VerifyExport(strings.NewReader(text), nil, iam.Checkpoint{})
		var wrong *iam.LogError
		if err != nil {
			if !errors.As(err, &wrong) {
				t.Errorf("got the error %v", err)
			}
			return
		}
		var again bytes.Buffer
		n := int64(0)
		for line := range strings.Lines(text) {
			var e iam.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if err := json.NewEncoder(&again).Encode(e); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if report.Events+report.Unchained != n || n == 0 {
			t.Errorf("got %+v for %d lines", report, n)
		}
		if want := strings.ReplaceAll(text, "\r\n", "\n"); strings.TrimSuffix(again.String(), "\n") != strings.TrimSuffix(strings.TrimSuffix(want, "\r"), "\n") {
			t.Errorf("%q passes, and would be written as %q", text, again.String())
		}
	})
}
