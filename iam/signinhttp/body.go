package signinhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
)

// maxBody is in bytes: the longest password (1,024 bytes) may be written as \u escapes.
const maxBody = 16 << 10

// body is what was sent: texts by the names of their fields, each once. Some are secret: it is never printed.
type body struct {
	text   map[string]string
	bearer bool // the token is wanted in the answer
}

// secret returns a field that must reach no log.
func (b body) secret(field string) iam.Secret { return iam.NewSecret(b.text[field]) }

// read reads the body of the route's fields. Errors tell nothing of the values.
func (x *exchange) read(kind string) (body, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return body{}, err
		}
		return body{}, &iamhttp.StatusError{Status: http.StatusBadRequest, Detail: "the body broke off", Err: err}
	}
	b := body{text: make(map[string]string)}
	switch {
	case !utf8.Valid(raw):
		return body{}, malformed("want UTF-8")
	case kind == typeForm:
		err = b.readForm(raw, x.route.fields)
	case len(raw) > 0 || len(x.route.fields) > 0:
		err = b.readJSON(raw, x.route.fields)
	}
	if err != nil {
		return body{}, err
	}
	if b.bearer && !x.config.Bearer {
		return body{}, &iam.FieldError{Field: "bearer", Problem: "tokens are handed out as cookies alone"}
	}
	for _, field := range x.route.fields {
		if _, there := b.text[field]; !there && field[len(field)-1] != '?' {
			return b, &iam.FieldError{Field: field, Problem: "is missing"}
		}
	}
	return b, nil
}

// readForm reads an HTML form. It may have the field next as well.
func (b *body) readForm(raw []byte, fields []string) error {
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return malformed("this is no form")
	}
	for name, value := range values {
		switch {
		case name == "bearer" || name != "next" && !known(fields, name):
			return malformed("there is a field that does not belong here")
		case len(value) != 1:
			return malformed("there is a field twice")
		case !utf8.ValidString(value[0]):
			return malformed("want UTF-8")
		}
		b.text[name] = value[0]
	}
	return nil
}

// readJSON reads one object. It does so by hand, as encoding/json takes fields that are there twice, and any case.
func (b *body) readJSON(raw []byte, fields []string) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return malformed("want one JSON object")
	}
	seen := make(map[string]bool)
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		switch {
		case err != nil || !ok:
			return malformed("want one JSON object")
		case !known(fields, name):
			return malformed("there is a field that does not belong here")
		case seen[name]:
			return malformed("there is a field twice")
		}
		seen[name] = true
		value, err := decoder.Token()
		if err != nil {
			return malformed("want one JSON object")
		}
		if err := b.put(name, value); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return malformed("want one JSON object")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return malformed("there is more behind the object")
	}
	return nil
}

// put takes the value of a field: all are texts but one.
func (b *body) put(name string, value json.Token) error {
	if name == "bearer" {
		wanted, ok := value.(bool)
		if !ok {
			return mistyped[bool](name)
		}
		b.bearer = wanted
		return nil
	}
	text, ok := value.(string)
	if !ok {
		return mistyped[string](name)
	}
	b.text[name] = text
	return nil
}

func known(fields []string, name string) bool {
	return slices.Contains(fields, name) || slices.Contains(fields, name+"?")
}

// mistyped is the error that package iamhttp has an answer for.
func mistyped[T any](field string) error {
	return &json.UnmarshalTypeError{Value: "another value", Type: reflect.TypeFor[T](), Field: field}
}

func malformed(detail string) error {
	return &iamhttp.StatusError{Status: http.StatusBadRequest, Detail: detail}
}
