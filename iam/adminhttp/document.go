package adminhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// document is the OpenAPI document: what of OpenAPI 3.1 the API needs.
type document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       info                             `json:"info"`
	Servers    []server                         `json:"servers,omitempty"`
	Paths      map[string]map[string]*operating `json:"paths"`
	Components components                       `json:"components"`
}

type info struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

type server struct {
	URL string `json:"url"`
}

type components struct {
	Schemas   schemas             `json:"schemas"`
	Responses map[string]response `json:"responses"`
}

type operating struct {
	OperationID string              `json:"operationId"`
	Summary     string              `json:"summary"`
	Parameters  []parameter         `json:"parameters,omitempty"`
	RequestBody *requestBody        `json:"requestBody,omitempty"`
	Responses   map[string]response `json:"responses"`
}

type parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema"`
}

type requestBody struct {
	Required bool               `json:"required"`
	Content  map[string]content `json:"content"`
}

type response struct {
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Content     map[string]content `json:"content,omitempty"`
}

type content struct {
	Schema *schema `json:"schema"`
}

// problem is what package iamhttp answers errors with.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty" doc:"What is wrong with the request."`
	Field     string `json:"field,omitempty" doc:"Which parameter or member is wrong: bindings[0].role."`
	RequestID string `json:"request_id,omitempty"`
}

const about = "Accounts, invitations, bindings, grants, what accounts hold and their quotas, API keys and the audit log of the organization of whoever asks. " +
	"Times are RFC 3339 in UTC; ids and cursors are opaque. A request names what it means: unknown members and parameters are refused. " +
	"A maxLength is in bytes of UTF-8. What lies in another organization is answered as what does not exist."

// describe makes the document of the routes.
func describe(routes []route, prefix string) ([]byte, error) {
	all := schemas{}
	d := document{
		OpenAPI: "3.1.0",
		Info:    info{Title: "Accounts of an organization", Description: about, Version: "1"},
		Paths:   map[string]map[string]*operating{},
	}
	if prefix != "" {
		d.Servers = []server{{URL: prefix}}
	}
	failed := response{Description: "A problem (RFC 9457)", Content: map[string]content{
		"application/problem+json": {all.of(reflect.TypeFor[problem]())},
	}}
	for _, r := range routes {
		method := strings.ToLower(r.method)
		if d.Paths[r.path] == nil {
			d.Paths[r.path] = map[string]*operating{}
		}
		if d.Paths[r.path][method] != nil {
			return nil, fmt.Errorf("adminhttp: %s %s is there twice", r.method, r.path)
		}
		d.Paths[r.path][method] = r.describe(all)
	}
	d.Components = components{Schemas: all, Responses: map[string]response{"Problem": failed}}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("adminhttp: write the document: %w", err)
	}
	return append(text, '\n'), nil
}

// describe is what the document says of the route.
func (r route) describe(all schemas) *operating {
	o := &operating{OperationID: r.id, Summary: r.summary, Responses: map[string]response{}}
	shape := shapeOf(r.in)
	for _, f := range shape.path {
		o.Parameters = append(o.Parameters, parameter{Name: f.name, In: "path", Required: true, Schema: all.field(f)})
	}
	for _, f := range shape.query {
		s := all.field(f)
		s.Description = ""
		o.Parameters = append(o.Parameters, parameter{Name: f.name, In: "query", Description: f.doc, Schema: s})
	}
	if shape.body != nil {
		body := &schema{Type: "string"}
		if shape.media != csvMedia {
			body = all.of(shape.body.typ)
		}
		o.RequestBody = &requestBody{Required: true, Content: map[string]content{shape.media: {body}}}
	}
	for _, status := range r.statuses() {
		o.Responses[strconv.Itoa(status)] = response{Ref: "#/components/responses/Problem"}
	}
	o.Responses[strconv.Itoa(r.status)] = r.succeeds(all)
	return o
}

// succeeds is the answer of success.
func (r route) succeeds(all schemas) response {
	text := response{Description: http.StatusText(r.status)}
	switch {
	case r.out == nil:
	case r.media == csvMedia:
		text.Content = map[string]content{r.media: {&schema{Type: "string"}}}
	default: // the schema of a stream is that of one line
		text.Content = map[string]content{r.media: {all.of(r.out)}}
	}
	return text
}
