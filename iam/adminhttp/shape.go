package adminhttp

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A shape is what a request consists of, read from the tags of its struct: path and query are the names of
// parameters, and body the media type of the field that has the body. Beside them stand
//
//	enum  the values that are allowed, with commas between them
//	min   the least number
//	max   the greatest number, or how many bytes a text has at most
//	doc   what it means, for the OpenAPI document
type shape struct {
	path, query []field
	body        *field
	media       string // of the body
}

// A field is one field of a struct, with its tags.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	required bool
	enum     []string
	min, max int
	doc      string
}

// shapeOf reads a request's shape. Its structs are the package's own: what is wrong with them panics in New.
func shapeOf(t reflect.Type) shape {
	var s shape
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		switch {
		case f.Tag.Get("path") != "":
			s.path = append(s.path, fieldOf(f, f.Tag.Get("path"), true))
		case f.Tag.Get("query") != "":
			s.query = append(s.query, fieldOf(f, f.Tag.Get("query"), false))
		case f.Tag.Get("body") != "":
			body := fieldOf(f, "", true)
			s.body, s.media = &body, f.Tag.Get("body")
		default:
			panic("adminhttp: " + t.String() + ": the field " + f.Name + " is no part of a request")
		}
	}
	return s
}

// jsonFields are the fields of a JSON object. One that may be left out has the option omitempty or omitzero.
func jsonFields(t reflect.Type) []field {
	var all []field
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			panic("adminhttp: " + t.String() + ": the field " + f.Name + " has no name in JSON")
		}
		all = append(all, fieldOf(f, name, !strings.Contains(options, "omit")))
	}
	return all
}

func fieldOf(f reflect.StructField, name string, required bool) field {
	one := field{name: name, index: f.Index, typ: f.Type, required: required, doc: f.Tag.Get("doc")}
	if enum := f.Tag.Get("enum"); enum != "" {
		one.enum = strings.Split(enum, ",")
	}
	one.min, one.max = number(f.Tag.Get("min")), number(f.Tag.Get("max"))
	return one
}

// number is that of a tag, 0 for none.
func number(tag string) int {
	if tag == "" {
		return 0
	}
	n, err := strconv.Atoi(tag)
	if err != nil {
		panic("adminhttp: the tag " + tag + " is no number")
	}
	return n
}

// isText reports whether values of the type are written as a JSON string.
func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isTime reports whether it is a time.
func isTime(t reflect.Type) bool { return t == reflect.TypeFor[time.Time]() }
