package adminhttp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// document is what the tests read of the OpenAPI document. Members that it does not know fail TestDocument.
type document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       map[string]string                `json:"info"`
	Servers    []map[string]string              `json:"servers"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components struct {
		Schemas   map[string]*schema   `json:"schemas"`
		Responses map[string]*response `json:"responses"`
	} `json:"components"`
}

type operation struct {
	method, path, id, media string // filled in by operations

	OperationID string `json:"operationId"`
	Summary     string `json:"summary"`
	Parameters  []struct {
		Name        string  `json:"name"`
		In          string  `json:"in"`
		Description string  `json:"description"`
		Required    bool    `json:"required"`
		Schema      *schema `json:"schema"`
	} `json:"parameters"`
	RequestBody *struct {
		Required bool               `json:"required"`
		Content  map[string]content `json:"content"`
	} `json:"requestBody"`
	Responses map[string]*response `json:"responses"`
}

type response struct {
	Ref         string             `json:"$ref"`
	Description string             `json:"description"`
	Content     map[string]content `json:"content"`
}

type content struct {
	Schema *schema `json:"schema"`
}

type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 string             `json:"type"`
	Format               string             `json:"format"`
	Description          string             `json:"description"`
	Enum                 []string           `json:"enum"`
	Minimum              *int               `json:"minimum"`
	Maximum              *int               `json:"maximum"`
	MaxLength            int                `json:"maxLength"`
	WriteOnly            bool               `json:"writeOnly"`
	Items                *schema            `json:"items"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	AdditionalProperties *bool              `json:"additionalProperties"`
}

// document reads the document that the API serves.
func (h *host) document() *document {
	h.Helper()
	if h.doc.OpenAPI != "" {
		return &h.doc
	}
	w := h.get(h.organization().root, "/openapi.json")
	if w.Code != 200 {
		h.Fatalf("got status %d", w.Code)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	h.ok(d.Decode(&h.doc))
	return &h.doc
}

// operations are those of the document, sorted by their ids.
func (h *host) operations() []*operation {
	h.Helper()
	var all []*operation
	for path, methods := range h.document().Paths {
		for method, op := range methods {
			op.method, op.path, op.id = strings.ToUpper(method), path, op.OperationID
			if op.RequestBody != nil {
				op.media = slices.Collect(maps.Keys(op.RequestBody.Content))[0]
			}
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b *operation) int { return strings.Compare(a.id, b.id) })
	return all
}

// The document is served as it was reviewed.
func TestDocumentGolden(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	w := h.get(h.organization().root, "/openapi.json")
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("got the type %q", got)
	}
	golden(t, "openapi.golden.json", w.Body.Bytes())
}

// Everything that the document says is whole: references lead somewhere, parameters are in the paths, statuses are some,
// and nothing is declared that nobody uses.
func TestDocument(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	d := h.document()
	v := &checker{T: t, doc: d, used: map[string]bool{}}
	if d.OpenAPI != "3.1.0" || d.Info["title"] == "" || d.Info["version"] == "" || d.Servers[0]["url"] != prefix {
		t.Errorf("got %s, %v, %v", d.OpenAPI, d.Info, d.Servers)
	}
	ids := map[string]bool{}
	for _, op := range h.operations() {
		if ids[op.id] || op.id == "" || op.Summary == "" {
			t.Errorf("%s %s: its id %q is another's too, or id or summary is missing", op.method, op.path, op.id)
		}
		ids[op.id] = true
		v.operation(op)
	}
	for name := range d.Components.Schemas {
		if !v.used[name] {
			t.Errorf("nobody uses the schema %s", name)
		}
	}
}

// checker finds what is wrong with a document.
type checker struct {
	*testing.T
	doc  *document
	used map[string]bool // schemas
}

func (v *checker) operation(op *operation) {
	v.Helper()
	inPath := map[string]bool{}
	for _, segment := range strings.Split(op.path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			inPath[strings.TrimSuffix(name, "}")] = true
		}
	}
	seen := map[string]bool{}
	for _, p := range op.Parameters {
		if seen[p.Name] || p.Required != (p.In == "path") || inPath[p.Name] != (p.In == "path") || p.In != "path" && p.In != "query" {
			v.Errorf("%s: the parameter %s is there twice, or in the wrong place", op.id, p.Name)
		}
		seen[p.Name] = true
		v.schema(op.id+" "+p.Name, p.Schema)
	}
	for name := range inPath {
		if !seen[name] {
			v.Errorf("%s: %s is not declared", op.id, name)
		}
	}
	if op.RequestBody != nil {
		v.content(op.id+" request", op.RequestBody.Content)
	}
	for status, r := range op.Responses {
		if n, err := strconv.Atoi(status); err != nil || n < 200 || n > 599 {
			v.Errorf("%s: %q is no status", op.id, status)
		}
		if r.Ref != "" {
			if r = v.doc.Components.Responses[strings.TrimPrefix(r.Ref, "#/components/responses/")]; r == nil {
				v.Errorf("%s: %s refers to nothing", op.id, status)
				continue
			}
		}
		if r.Description == "" || (status == "204") != (len(r.Content) == 0) {
			v.Errorf("%s: %s has no description, or the wrong content", op.id, status)
		}
		v.content(op.id+" "+status, r.Content)
	}
}

func (v *checker) content(where string, all map[string]content) {
	v.Helper()
	if len(all) > 1 {
		v.Errorf("%s has several media types", where)
	}
	for _, c := range all {
		v.schema(where, c.Schema)
	}
}

func (v *checker) schema(where string, s *schema) {
	v.Helper()
	switch {
	case s == nil:
		v.Errorf("%s has no schema", where)
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		if v.doc.Components.Schemas[name] == nil {
			v.Errorf("%s refers to %s, which is not there", where, s.Ref)
		} else if !v.used[name] {
			v.used[name] = true
			v.schema(name, v.doc.Components.Schemas[name])
		}
	case s.Type == "array":
		v.schema(where+"[]", s.Items)
	case s.Type == "object":
		if s.AdditionalProperties == nil || *s.AdditionalProperties {
			v.Errorf("%s takes what is not declared", where)
		}
		for _, name := range s.Required {
			if s.Properties[name] == nil {
				v.Errorf("%s needs %s, which is not declared", where, name)
			}
		}
		for name, p := range s.Properties {
			v.schema(where+"."+name, p)
		}
	case !slices.Contains([]string{"string", "integer", "boolean"}, s.Type):
		v.Errorf("%s has the type %q", where, s.Type)
	}
}

// The routes that need something of the config are not there without it, in the document neither.
func TestRoutesOfOptions(t *testing.T) {
	t.Parallel()
	all := newHost(t, systems()[0])
	bare := newHostOn(t, testdb.Open(t, testdb.SQLite), systems()[0], func(c *adminhttp.Config) { *c = adminhttp.Config{Prefix: prefix} })
	there := map[string]bool{}
	for _, op := range bare.operations() {
		there[op.id] = true
	}
	o := bare.organization()
	var missing []string
	for _, op := range all.operations() {
		if there[op.id] {
			continue
		}
		missing = append(missing, op.id)
		w := bare.call(op, o.root, input{ids: map[string]string{"account": string(o.root)}, body: `{}`})
		if allowed := w.Header().Get("Allow"); w.Code != 404 && !(w.Code == 405 && allowed != "") {
			t.Errorf("%s: got %d", op.id, w.Code)
		}
	}
	want := []string{"endSessions", "listSessions", "resetSecondFactor", "sendReset", "setPassword", "testMailServer", "unlockAccount"}
	if !slices.Equal(missing, want) {
		t.Errorf("got %q, want %q", missing, want)
	}
}

// answers reports what is wrong with an answer: its status, its type, and its body against the declared schema.
func (d *document) answers(op *operation, status int, media string, body []byte) error {
	r := op.Responses[strconv.Itoa(status)]
	switch {
	case r == nil:
		return fmt.Errorf("the status %d is not declared", status)
	case r.Ref != "":
		r = d.Components.Responses[strings.TrimPrefix(r.Ref, "#/components/responses/")]
	case len(r.Content) == 0 && len(body) > 0:
		return fmt.Errorf("a body was sent with the status %d", status)
	case len(r.Content) == 0:
		return nil
	}
	declared, ok := r.Content[media]
	switch {
	case !ok:
		return fmt.Errorf("the type %q is not declared", media)
	case media == "text/csv":
		return nil
	}
	rest := json.NewDecoder(bytes.NewReader(body))
	rest.UseNumber()
	for n := 0; rest.More(); n++ {
		var value any
		if err := rest.Decode(&value); err != nil {
			return err
		}
		if n > 0 && media != "application/x-ndjson" {
			return fmt.Errorf("there is more than one value")
		}
		if err := d.fits(declared.Schema, value, "$"); err != nil {
			return err
		}
	}
	return nil
}

// whoKnows is somebody whom no organisation has.
const whoKnows policy.AccountID = "00000000-0000-7000-8000-000000000000"
