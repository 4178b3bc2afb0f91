package adminhttp_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// wrong is a request with one thing wrong with it.
type wrong struct {
	name   string
	query  string // replaces that of the call
	media  string
	body   string
	ids    map[string]string
	want   []int  // statuses
	field  string // "" for none
	silent bool   // nothing is wanted of the field
}

// SB-63, SB-82: every operation refuses what is not a request of its own with the right status and the field's name, gives
// nothing away, and changes nothing.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, s := range systems() {
		t.Run(s.system.Name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, s)
			o := h.organization()
			for _, op := range h.operations() {
				h.clock.advance(2 * time.Hour)
				o.badInput(op)
			}
			if strings.Contains(h.logs.String(), canary) {
				t.Error("a secret is in the log")
			}
		})
	}
}

// badInput sends every wrong request of one operation.
func (o *org) badInput(op *operation) {
	o.Helper()
	in := calls()[op.id](o, o.root)
	before := o.rows()
	for _, bad := range slices.Concat(badBodies(o.host, op, in), badQueries(op, in), o.badIDs(op, in)) {
		w := o.bad(op, o.root, in, bad)
		what := op.id + " with " + bad.name
		if !slices.Contains(bad.want, w.Code) {
			o.Errorf("%s: got %d, want %v: %s", what, w.Code, bad.want, w.Body)
			continue
		}
		o.declared(op, w)
		var problem struct{ Field, Detail string }
		if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &problem) != nil || !bad.silent && problem.Field != bad.field) {
			o.Errorf("%s: got the field %q, want %q: %s", what, problem.Field, bad.field, w.Body)
		}
		for _, leak := range []string{"iam:", "adminhttp", "policy.", "json:", "sql", "SELECT", "goroutine", "struct"} {
			if strings.Contains(problem.Detail, leak) {
				o.Errorf("%s: %q leaks %q", what, problem.Detail, leak)
			}
		}
	}
	if after := o.rows(); after != before {
		o.Errorf("%s: bad input changed something:\n%s", op.id, firstDifference(after, before))
	}
}

// bad sends a request with something wrong.
func (h *host) bad(op *operation, who policy.AccountID, in input, bad wrong) *httptest.ResponseRecorder {
	h.Helper()
	ids := maps.Clone(in.ids)
	maps.Copy(ids, bad.ids)
	path := prefix + fill(op.path, ids, url.PathEscape)
	if bad.query != "" {
		path += "?" + bad.query
	}
	return h.request(op.method, path, who, bad.media, fill(bad.body, ids, asIs))
}

// badBodies are wrong in their bodies.
func badBodies(h *host, op *operation, in input) []wrong {
	if op.media == "" {
		return []wrong{
			{name: "a body where none is read", media: "application/json", body: `{}`, want: []int{400}},
			{name: "a megabyte where nothing is read", media: "application/json", body: strings.Repeat(" ", 1<<20), want: []int{400, 413}},
		}
	}
	all := []wrong{
		{name: "another content type", media: "application/xml", body: in.body, want: []int{415}},
		{name: "no content type", body: in.body, want: []int{415}},
		{name: "a form", media: "application/x-www-form-urlencoded", body: "a=b", want: []int{415}},
		{name: "another charset", media: op.media + "; charset=latin1", body: in.body, want: []int{415}},
	}
	if op.media != "application/json" {
		return append(all,
			wrong{name: "no body", media: op.media, want: []int{422}, field: "email"},
			wrong{name: "an unknown column", media: op.media, body: "email,roles,id\n", want: []int{422}, field: "id"},
			wrong{name: "too long a list", media: op.media, body: strings.Repeat("x", 8<<20+1), want: []int{413}},
			wrong{name: "no CSV", media: op.media, body: "email,roles\n\"x", want: []int{422}})
	}
	all = append(all,
		wrong{name: "a megabyte", media: op.media, body: `{"` + strings.Repeat("x", 1<<20) + `":1}`, want: []int{413}},
		wrong{name: "no body", media: op.media, want: []int{400}},
		wrong{name: "half a body", media: op.media, body: `{"`, want: []int{400}},
		wrong{name: "no JSON", media: op.media, body: `{]`, want: []int{400}},
		wrong{name: "a list", media: op.media, body: `[]`, want: []int{400}},
		wrong{name: "null", media: op.media, body: `null`, want: []int{400}},
		wrong{name: "two values", media: op.media, body: in.body + in.body, want: []int{400}},
		wrong{name: "no UTF-8", media: op.media, body: "{\"\xff\":1}", want: []int{400}},
		wrong{name: "an unknown field", media: op.media, body: with(in.body, `"is_root":true`), want: []int{400}, field: "is_root"},
	)
	body := h.document().bodyOf(op)
	for _, name := range slices.Sorted(maps.Keys(body.Properties)) {
		all = append(all,
			wrong{name: name + " of another type", media: op.media, body: fmt.Sprintf(`{%q:{"x":1}}`, name), want: []int{400}, field: name, silent: body.Properties[name].Ref != ""},
			wrong{name: name + " twice", media: op.media, body: with(in.body, member(in.body, name)+","+member(in.body, name)), want: []int{400}, field: name, silent: member(in.body, name) == `"`+name+`":null`},
			wrong{name: name + " in capitals", media: op.media, body: with(in.body, strings.Replace(member(in.body, name), name, strings.ToUpper(name), 1)), want: []int{400}, field: strings.ToUpper(name)},
			wrong{name: name + " that is null", media: op.media, body: fmt.Sprintf(`{%q:null}`, name), want: []int{400}, field: name},
		)
	}
	for _, name := range body.Required {
		all = append(all, wrong{name: "no " + name, media: op.media, body: without(in.body, name), want: []int{400}, field: name})
	}
	return all
}

// badQueries are wrong in their queries.
func badQueries(op *operation, in input) []wrong {
	add := func(more string) string {
		return strings.TrimPrefix(fill(in.query, in.ids, url.QueryEscape)+"&"+more, "&")
	}
	all := []wrong{
		{name: "an unknown parameter", query: add("is_root=true"), want: []int{400}, field: "is_root"},
		{name: "a query that cannot be read", query: add("a=%zz"), want: []int{400}},
	}
	for _, p := range op.Parameters {
		if p.In != "query" {
			continue
		}
		all = append(all,
			wrong{name: p.Name + " twice", query: p.Name + "=1&" + p.Name + "=1", want: []int{400}, field: p.Name},
			wrong{name: p.Name + " without a value", query: p.Name + "=", want: []int{400}, field: p.Name},
			wrong{name: p.Name + " with a NUL", query: p.Name + "=%00", want: []int{400}, field: p.Name},
			wrong{name: p.Name + " that is no UTF-8", query: p.Name + "=%ff", want: []int{400}, field: p.Name},
			wrong{name: "a very long " + p.Name, query: p.Name + "=" + strings.Repeat("9", 2000), want: []int{400}, field: p.Name},
		)
	}
	for i := range all {
		all[i].media, all[i].body = op.media, in.body
	}
	return all
}

// badIDs have ids in their paths that are none.
func (o *org) badIDs(op *operation, in input) []wrong {
	var all []wrong
	for _, p := range op.Parameters {
		if p.In != "path" {
			continue
		}
		for name, id := range map[string]string{"a NUL": "a\x00b", "300 bytes": strings.Repeat("x", 300), "no UTF-8": "\xff", "a way out": "../../organization"} {
			bad := wrong{name: name + " for the " + p.Name, media: op.media, body: in.body, ids: map[string]string{p.Name: id}, want: []int{404}}
			if op.id == "setPassword" && !o.svc.Rules().PasswordByOthers {
				bad.want, bad.field = []int{422}, "password" // whoever it is
			}
			if o.never(op) {
				bad.want = []int{403} // before anything is looked for
			}
			if p.Name == "project" {
				bad.want, bad.silent = []int{200, 400, 404, 422}, true // the host's: what is no id is one of no project
				if name == "a way out" {
					continue // what looks like a path is an id too: a project may be called that
				}
			}
			bad.query = fill(in.query, in.ids, url.QueryEscape)
			all = append(all, bad)
		}
	}
	return all
}

// bodyOf is the schema of an operation's body.
func (d *document) bodyOf(op *operation) *schema {
	s := op.RequestBody.Content[op.media].Schema
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// with is the object with further members.
func with(object, members string) string {
	if object == "{}" {
		return "{" + members + "}"
	}
	return strings.TrimSuffix(object, "}") + "," + members + "}"
}

// member is one of the object's members, as it stands there; null for none.
func member(object, name string) string {
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(object), &all) != nil || all[name] == nil {
		return `"` + name + `":null`
	}
	return `"` + name + `":` + string(all[name])
}

// without is the object without a member.
func without(object, name string) string {
	var all map[string]json.RawMessage
	_ = json.Unmarshal([]byte(object), &all)
	delete(all, name)
	text, _ := json.Marshal(all)
	return string(text)
}

// Of several mistakes always the same is named: else two answers to one request could not be compared (SB-67).
func TestTheSameMistakeIsNamed(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	first := dump(h.get(o.root, "/accounts?zeta=1&alpha=1&mu=1"))
	for range 50 {
		if got := dump(h.get(o.root, "/accounts?zeta=1&alpha=1&mu=1")); got != first {
			t.Fatalf("one request is answered by\n%s\nand by\n%s", got, first)
		}
	}
}
