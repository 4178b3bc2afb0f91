package adminhttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// undone is a store whose writes do everything and are taken back: each input meets the same rows.
type undone struct{ iam.Store }

var errUndone = errors.New("everything was done")

func (u undone) Write(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return undo(do, func(do func(iam.Tx) error) error { return u.Store.Write(ctx, org, do) })
}

func (u undone) WriteAside(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return undo(do, func(do func(iam.Tx) error) error { return u.Store.WriteAside(ctx, org, do) })
}

func undo(do func(iam.Tx) error, within func(do func(iam.Tx) error) error) error {
	err := within(func(tx iam.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return errUndone
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// A target is a host to which anything is sent, with what requests are aimed at.
type target struct {
	*org
	ids    map[string]string // by the operation and the name, as in {giveGrant.account}
	who    []policy.AccountID
	ops    []*operation
	undoes http.Handler // the API above an undone store
}

func newTarget(tb testing.TB, database string, s shipped) (t *target, seeds []sent) {
	h := newHostOn(tb, testdb.Open(tb, database), s, func(*adminhttp.Config) {})
	o := h.organization()
	t = &target{org: o, ids: map[string]string{}, ops: h.operations(), who: []policy.AccountID{
		o.root, o.account(o.strong), o.account(o.least), o.create(false, o.least), "", whoKnows,
	}}
	all := calls()
	for _, op := range t.ops {
		in := all[op.id](o, o.root)
		named := map[string]string{}
		for name, id := range in.ids {
			named[name] = "{" + op.id + "." + name + "}"
			t.ids[op.id+"."+name] = id
		}
		seeds = append(seeds, sent{op.method, fill(op.path, named, asIs), fill(in.query, named, asIs), op.media, fill(in.body, named, asIs)})
	}
	t.undoes = t.above(undone{h.st})
	return t, seeds
}

// above is the API above another store.
func (t *target) above(st iam.Store) http.Handler {
	svc := must(iam.New(st, t.host.system, iam.Config{Now: t.clock.now, BaseURL: "https://console.example.com", Keys: t.svc.Keys()}))(t)
	guard := iamhttp.New(svc, whoever, iamhttp.Config{Logger: slog.New(slog.NewJSONHandler(t.logs, nil))})
	return guard.Load(must(adminhttp.New(svc, guard, adminhttp.Config{
		Prefix: prefix, CursorKey: []byte("a key of tests, 32 bytes at least"), SignIn: must(signin.New(svc, signin.Config{}))(t),
		TestMailServer: testMailServer, Fresh: func(*http.Request) error { return nil },
	}))(t))
}

// sent is a request, with the names of ids in it.
type sent struct{ method, path, query, media, body string }

// FuzzRequests sends anything to every operation of the API: nothing that a client sends is answered with a status of 5xx,
// or with another answer than the document declares, and no secret gets out (SB-63, SB-70, SB-82). Without -fuzz every
// database gets the inputs.
func FuzzRequests(f *testing.F) {
	databases := []string{testdb.SQLite}
	if flag.Lookup("test.fuzz").Value.String() == "" {
		databases = testdb.Reachable(f)
	}
	var targets [][]*target // by system and database
	for i, s := range []shipped{systems()[0], systems()[2]} {
		targets = append(targets, nil)
		for n, database := range databases {
			t, seeds := newTarget(f, database, s)
			targets[i] = append(targets[i], t)
			for _, q := range seeds {
				if n == 0 {
					f.Add(uint8(i), uint8(0), q.method, q.path, q.query, q.media, q.body)
				}
			}
		}
	}
	for _, q := range oddRequests {
		f.Add(uint8(0), uint8(0), q.method, q.path, q.query, q.media, q.body)
	}
	f.Fuzz(func(t *testing.T, system, who uint8, method, path, query, media, body string) {
		for _, to := range targets[int(system)%len(targets)] {
			to.takes(t, to.who[int(who)%len(to.who)], sent{method, path, query, media, body})
		}
	})
}

// oddRequests open what no operation's own request does.
var oddRequests = []sent{
	{"PATCH", "/accounts", "", "", ""},
	{"GET", "/accounts/%2e%2e/organization", "", "", ""},
	{"GET", "//accounts", "", "", ""},
	{"GET", "/accounts/%ff%00", "", "", ""},
	{"GET", "/accounts", "keyword=%f0%9f%99%82%25_%5c'&limit=500", "", ""},
	{"GET", "/events", "from=9999-12-31T23:59:59-23:59&cursor=AAAA", "", ""},
	{"DELETE", "/holdings/device/" + strings.Repeat("%F0%9F%99%82", 64), "", "", ""},
	{"POST", "/accounts/{giveGrant.account}/grants", "", "application/json", `{"permission":"deployment:view","until":"9999-12-31T23:59:59-01:00"}`},
	{"POST", "/accounts", "", "application/json; charset=utf-8", `{"email":"ünï@exämple.com","roles":["` + string(emqx.Auditor) + `"],"profile":{"name":"\ud83d\ude42\ufffe"}}`},
	{"POST", "/invitations/import", "dry_run=true", "text/csv", "email,roles,projects\n\"a\"\"@b.example\",project_user,p\n"},
	{"POST", "/events/verify", "", "application/json", `{"since":"9223372036854775807 9223372036854775807.9223372036854775807 ` + strings.Repeat("ff", 32) + ` x"}`},
}

// takes sends one request, and holds the answer against what every answer must be.
func (to *target) takes(t *testing.T, who policy.AccountID, q sent) {
	path := prefix + fill(q.path, to.ids, url.PathEscape)
	if q.query != "" {
		path += "?" + fill(q.query, to.ids, url.QueryEscape)
	}
	at, err := url.ParseRequestURI(path)
	if err != nil {
		return // net/http answers it
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, "/", strings.NewReader(fill(q.body, to.ids, asIs)))
	if err != nil {
		return
	}
	r.URL, r.RequestURI, r.Host, r.RemoteAddr = at, path, "console.example.com", "192.0.2.7:1"
	r.Header.Set("Test-Account", string(who))
	r.Header.Set("Content-Type", q.media)
	to.logs.Reset()
	w := httptest.NewRecorder()
	to.undoes.ServeHTTP(w, r)
	in, answer := len(path)+len(q.body), w.Body.String()
	switch {
	case w.Code >= 500 || w.Code < 200:
		t.Errorf("%s: %s %q as %q: got %d %.500s\n%s", to.db.Name(), q.method, path, who, w.Code, answer, to.logs)
	case strings.Contains(answer+to.logs.String(), canary) && !strings.Contains(path+q.body, canary):
		t.Errorf("%s %q: a secret is in the answer or the log", q.method, path)
	case len(answer)+to.logs.Len() > 1<<19+64*in:
		t.Errorf("%s %q: %d bytes are answered with %d, and logged with %d", q.method, path, in, len(answer), to.logs.Len())
	case w.Code >= 400 && w.Header().Get("Content-Type") == "application/problem+json":
		var problem struct{ Status int }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Status != w.Code {
			t.Errorf("%s %q: %d is answered with %s", q.method, path, w.Code, answer)
		}
	}
	if op := to.operation(q.method, at.EscapedPath()); op != nil && w.Code != http.StatusTemporaryRedirect {
		if err := to.doc.answers(op, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()); err != nil && !errors.Is(err, io.EOF) {
			t.Errorf("%s %q: %d: %v\n%.500s", q.method, path, w.Code, err, answer)
		}
	}
}

// operation is the one that a path leads to, if it does so to the letter.
func (to *target) operation(method, path string) *operation {
	parts := strings.Split(path, "/")
	for _, op := range to.ops {
		names := strings.Split(prefix+op.path, "/")
		same := op.method == method && len(names) == len(parts)
		for i := 0; same && i < len(names); i++ {
			same = names[i] == parts[i] || strings.HasPrefix(names[i], "{") && strings.Trim(parts[i], ".") != ""
		}
		if same {
			return op
		}
	}
	return nil
}
