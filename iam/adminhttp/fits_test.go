package adminhttp_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// fits reports where a value is not what the schema declares.
func (d *document) fits(s *schema, value any, at string) error {
	if s.Ref != "" {
		return d.fits(d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")], value, at)
	}
	switch s.Type {
	case "string":
		return s.fitsText(value, at)
	case "boolean":
		if _, ok := value.(bool); !ok {
			return fmt.Errorf("%s is no boolean: %v", at, value)
		}
	case "integer":
		n, ok := value.(json.Number)
		if _, err := n.Int64(); !ok || err != nil {
			return fmt.Errorf("%s is no integer: %v", at, value)
		}
	case "array":
		items, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s is no list: %v", at, value)
		}
		for i, item := range items {
			if err := d.fits(s.Items, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "object":
		return d.fitsObject(s, value, at)
	default:
		return fmt.Errorf("%s: no schema", at)
	}
	return nil
}

func (s *schema) fitsText(value any, at string) error {
	text, ok := value.(string)
	switch {
	case !ok:
		return fmt.Errorf("%s is no string: %v", at, value)
	case s.WriteOnly:
		return fmt.Errorf("%s is for requests alone", at)
	case s.Enum != nil && !slices.Contains(s.Enum, text):
		return fmt.Errorf("%s is %q, which is none of %q", at, text, s.Enum)
	case s.Format == "date-time":
		when, err := time.Parse(time.RFC3339, text)
		if err != nil || !strings.HasSuffix(text, "Z") || when.IsZero() || when.Year() < 2000 {
			return fmt.Errorf("%s is no time in UTC: %q", at, text)
		}
	}
	return nil
}

func (d *document) fitsObject(s *schema, value any, at string) error {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no object: %v", at, value)
	}
	for _, name := range s.Required {
		if _, there := object[name]; !there {
			return fmt.Errorf("%s has no %s", at, name)
		}
	}
	for name, member := range object {
		declared := s.Properties[name]
		if declared == nil {
			return fmt.Errorf("%s.%s is not declared", at, name)
		}
		if err := d.fits(declared, member, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// A test that finds nothing wrong must be able to.
func TestFits(t *testing.T) {
	t.Parallel()
	d := newHost(t, systems()[0]).document()
	good := `{"id":"1","root":false,"status":"active","roles":[],"profile":{},"created":"2026-01-02T09:00:00Z","updated":"2026-01-02T09:00:00Z"}`
	for _, tt := range []struct{ name, old, new, want string }{
		{"as declared", "", "", ""},
		{"another type", `"id":"1"`, `"id":1`, "$.id is no string: 1"},
		{"a member that is not declared", `"id":"1"`, `"id":"1","hash":"x"`, "$.hash is not declared"},
		{"a member deep inside that is not declared", `{}`, `{"x":1}`, "$.profile.x is not declared"},
		{"a required one that is missing", `"id":"1",`, ``, "$ has no id"},
		{"another value than those declared", `"active"`, `"gone"`, `$.status is "gone", which is none of ["pending" "active" "disabled"]`},
		{"a time in another zone", `09:00:00Z"}`, `09:00:00+01:00"}`, `$.updated is no time in UTC: "2026-01-02T09:00:00+01:00"`},
		{"a time that is none", `09:00:00Z"}`, `Z"}`, `$.updated is no time in UTC: "2026-01-02TZ"`},
		{"null for a list", `[]`, `null`, "$.roles is no list: <nil>"},
		{"an item of another type", `[]`, `["a",true]`, "$.roles[1] is no string: true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var value any
			r := json.NewDecoder(strings.NewReader(strings.Replace(good, tt.old, tt.new, 1)))
			r.UseNumber()
			if err := r.Decode(&value); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := d.fits(d.Components.Schemas["Account"], value, "$"); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
