package adminhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"unicode/utf8"
)

// readJSON reads one JSON value into a struct, more strictly than encoding/json does: every member is
// named exactly as the struct says, is there once, and no required one is missing or null.
func readJSON(body []byte, into reflect.Value) error {
	if !utf8.Valid(body) {
		return malformed("", "the body is not UTF-8")
	}
	r := &jsonReader{json.NewDecoder(bytes.NewReader(body))}
	r.UseNumber()
	token, err := r.Token()
	if errors.Is(err, io.EOF) {
		return malformed("", "want a JSON object, and not nothing")
	}
	if err == nil {
		err = r.value(token, field{typ: into.Type()}, into)
	}
	if err != nil {
		return r.unread(err)
	}
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return malformed("", fmt.Sprintf("there is more behind the JSON object, as of byte %d", r.InputOffset()))
	}
	return nil
}

// jsonReader reads the tokens of a value into what it is wanted as.
type jsonReader struct{ *json.Decoder }

// unread says where the text ceases to be JSON. What is a StatusError stays what it is.
func (r *jsonReader) unread(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return malformed("", fmt.Sprintf("this is no JSON, as of byte %d", r.InputOffset()))
	}
	return err
}

// value reads the value that begins with the token. The field's name is the path to it.
func (r *jsonReader) value(token json.Token, f field, into reflect.Value) error {
	switch {
	case isText(f.typ):
		text, ok := token.(string)
		if !ok {
			return malformed(f.name, "want a string")
		}
		if err := f.check(text); err != nil {
			return malformed(f.name, err.Error())
		}
		return setText(text, into)
	case f.typ.Kind() == reflect.Bool:
		is, ok := token.(bool)
		if !ok {
			return malformed(f.name, "want true or false")
		}
		into.SetBool(is)
		return nil
	case f.typ.Kind() == reflect.Int:
		return r.integer(token, f, into)
	case f.typ.Kind() == reflect.Slice:
		return r.items(token, f, into)
	case f.typ.Kind() == reflect.Struct:
		return r.object(token, f, into)
	default:
		panic("adminhttp: nothing is read as a " + f.typ.String())
	}
}

func (r *jsonReader) integer(token json.Token, f field, into reflect.Value) error {
	want := fmt.Sprintf("want a whole number from %d to %d", f.min, f.max)
	literal, ok := token.(json.Number)
	if !ok {
		return malformed(f.name, want)
	}
	n, err := literal.Int64()
	if err != nil || n < int64(f.min) || n > int64(f.max) {
		return malformed(f.name, want)
	}
	into.SetInt(n)
	return nil
}

func (r *jsonReader) items(token json.Token, f field, into reflect.Value) error {
	if token != json.Delim('[') {
		return malformed(f.name, "want a list")
	}
	all := reflect.MakeSlice(f.typ, 0, 4)
	for i := 0; r.More(); i++ {
		token, err := r.Token()
		if err != nil {
			return err
		}
		item := reflect.New(f.typ.Elem()).Elem()
		of := field{name: fmt.Sprintf("%s[%d]", f.name, i), typ: f.typ.Elem(), max: f.max, enum: f.enum}
		if err := r.value(token, of, item); err != nil {
			return err
		}
		all = reflect.Append(all, item)
	}
	into.Set(all)
	_, err := r.Token() // the end
	return err
}

func (r *jsonReader) object(token json.Token, f field, into reflect.Value) error {
	if token != json.Delim('{') {
		return malformed(f.name, "want an object")
	}
	fields := jsonFields(f.typ)
	read := map[string]bool{}
	for r.More() {
		token, err := r.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // the name of a member is one
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case i < 0:
			return malformed(under(f.name, echo(name)), "unknown field")
		case read[name]:
			return malformed(under(f.name, name), "want it once")
		}
		read[name] = true
		if token, err = r.Token(); err != nil {
			return err
		}
		member := fields[i]
		member.name = under(f.name, name)
		if err := r.value(token, member, into.FieldByIndex(member.index)); err != nil {
			return err
		}
	}
	if _, err := r.Token(); err != nil {
		return err
	}
	for _, member := range fields {
		if member.required && !read[member.name] {
			return malformed(under(f.name, member.name), "is missing")
		}
	}
	return nil
}

// under is the path to a member.
func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
