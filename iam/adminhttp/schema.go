package adminhttp

import (
	"reflect"
	"strings"
)

// schema is what the API's document uses of JSON Schema.
type schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Type        string             `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	Description string             `json:"description,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     *int               `json:"maximum,omitempty"`
	MaxLength   int                `json:"maxLength,omitempty"`
	WriteOnly   bool               `json:"writeOnly,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// AdditionalProperties is false for every object: what is not declared is neither read nor written.
	AdditionalProperties *bool `json:"additionalProperties,omitempty"`
}

// schemas are made of the structs that requests are read into and answers written from.
type schemas map[string]*schema

// of returns the schema of a type: a reference for a struct with a name.
func (all schemas) of(t reflect.Type) *schema {
	switch {
	case t.Kind() == reflect.Pointer:
		return all.of(t.Elem())
	case isTime(t):
		return &schema{Type: "string", Format: "date-time"}
	case isText(t) && t.Kind() == reflect.Struct:
		return &schema{Type: "string", Format: "password", WriteOnly: true} // an iam.Secret
	case isText(t):
		return &schema{Type: "string"}
	case t.Kind() == reflect.Bool:
		return &schema{Type: "boolean"}
	case t.Kind() == reflect.Int:
		return &schema{Type: "integer"}
	case t.Kind() == reflect.Int64:
		return &schema{Type: "integer", Format: "int64"}
	case t.Kind() == reflect.Slice:
		return &schema{Type: "array", Items: all.of(t.Elem())}
	case t.Kind() == reflect.Struct && t.Name() == "":
		return all.object(t)
	case t.Kind() == reflect.Struct:
		name := exported(t.Name())
		if all[name] == nil {
			all[name] = &schema{} // so that a struct may have itself inside
			*all[name] = *all.object(t)
		}
		return &schema{Ref: "#/components/schemas/" + name}
	default:
		panic("adminhttp: nothing is written as a " + t.String())
	}
}

func (all schemas) object(t reflect.Type) *schema {
	none := false
	o := &schema{Type: "object", Properties: map[string]*schema{}, AdditionalProperties: &none}
	for _, f := range jsonFields(t) {
		o.Properties[f.name] = all.field(f)
		if f.required {
			o.Required = append(o.Required, f.name)
		}
	}
	return o
}

// field is the schema of a field's type, with what its tags say.
func (all schemas) field(f field) *schema {
	s := all.of(f.typ)
	s.Description, s.Enum = f.doc, f.enum
	of := s
	if s.Items != nil {
		of = s.Items
	}
	switch {
	case f.max == 0:
	case of.Type == "integer":
		of.Minimum, of.Maximum = &f.min, &f.max
	default:
		of.MaxLength = f.max
	}
	return s
}

// exported is the name of a struct in the document: with a capital, as programs have that are generated from it.
func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
