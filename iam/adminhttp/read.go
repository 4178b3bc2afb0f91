package adminhttp

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam/iamhttp"
)

// maxBody is how many bytes the body of a request may have, and maxList the list of an import.
const (
	maxBody = 64 << 10
	maxList = 8 << 20
)

const csvMedia = "text/csv"

// read fills the request's struct, and refuses whatever it does not name (SB-63, SB-70).
func (c *call) read(in any) error {
	shape := shapeOf(c.route.in)
	v := reflect.ValueOf(in).Elem()
	for _, f := range shape.path {
		v.FieldByIndex(f.index).SetString(c.r.PathValue(f.name))
	}
	if err := c.readQuery(shape.query, v); err != nil {
		return err
	}
	if shape.body == nil {
		return c.readNothing()
	}
	if err := c.wants(shape.media); err != nil {
		return err
	}
	limit := int64(maxBody)
	if shape.media == csvMedia {
		limit = maxList
	}
	// All of it is read before anything happens: a client that does not read the answer before it has sent
	// everything must not wait for a server that does not read on before the answer is taken.
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, limit))
	if err != nil {
		return unread(err)
	}
	into := v.FieldByIndex(shape.body.index)
	if shape.media == csvMedia {
		into.SetBytes(body)
		return nil
	}
	return readJSON(body, into)
}

// unread is the error of a body that could not be read: of the connection, but for what the guard knows.
func unread(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return &iamhttp.StatusError{Status: http.StatusBadRequest, Detail: "the body could not be read", Err: err}
}

// readNothing refuses a body where none is read.
func (c *call) readNothing() error {
	var one [1]byte
	n, err := io.ReadFull(http.MaxBytesReader(c.w, c.r.Body, maxBody), one[:])
	switch {
	case n > 0:
		return malformed("", "this request has no body")
	case errors.Is(err, io.EOF):
		return nil
	default:
		return unread(err)
	}
}

// wants refuses a body of another media type, or in another encoding than UTF-8.
func (c *call) wants(media string) error {
	got, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err == nil && got == media && (charset == "" || strings.EqualFold(charset, "utf-8")) &&
		len(c.r.Header.Values("Content-Type")) == 1 && c.r.Header.Get("Content-Encoding") == "" {
		return nil
	}
	return &iamhttp.StatusError{Status: http.StatusUnsupportedMediaType, Detail: "want " + media + " in UTF-8"}
}

// readQuery fills in the parameters of the query: each once at most, and no other ones.
func (c *call) readQuery(fields []field, into reflect.Value) error {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return malformed("", "the query cannot be read")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) { // of several mistakes, always the same is named (SB-67)
		values := query[name]
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		switch {
		case i < 0:
			return malformed(echo(name), "unknown parameter")
		case len(values) > 1:
			return malformed(name, "want it once")
		}
		if err := fields[i].parse(values[0], into.FieldByIndex(fields[i].index)); err != nil {
			return malformed(name, err.Error())
		}
	}
	return nil
}

// echo is a name that a caller chose, cut: it goes back to nobody else.
func echo(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if utf8.RuneCountInString(name) > 64 {
		return string([]rune(name)[:64]) + "…"
	}
	return name
}

// parse reads a parameter.
func (f field) parse(text string, into reflect.Value) error {
	switch {
	case text == "":
		return errors.New("is empty: leave it out")
	case isText(f.typ):
		if err := f.check(text); err != nil {
			return err
		}
		return setText(text, into)
	case f.typ.Kind() == reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil || n < f.min || n > f.max {
			return fmt.Errorf("want a whole number from %d to %d", f.min, f.max)
		}
		into.SetInt(int64(n))
	case f.typ.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("want true or false")
		}
		into.SetBool(text == "true")
	default:
		panic("adminhttp: no parameter is a " + f.typ.String())
	}
	return nil
}

// check refuses a text that the field cannot have.
func (f field) check(text string) error {
	switch {
	case f.enum != nil && !slices.Contains(f.enum, text):
		return fmt.Errorf("want %s", strings.Join(f.enum, " or "))
	case f.max > 0 && len(text) > f.max:
		return fmt.Errorf("has %d bytes: at most %d", len(text), f.max)
	case !utf8.ValidString(text), strings.ContainsRune(text, 0):
		return errors.New("want UTF-8 without NUL")
	case isTime(f.typ):
		return checkTime(text)
	}
	return nil
}

// checkTime refuses what is no time, and one that no answer could say in UTC, or that stands for none: the zero time,
// as some programs write what they leave out, would be taken for never where it means the year 1.
func checkTime(text string) error {
	var t time.Time
	if err := t.UnmarshalText([]byte(text)); err != nil {
		return errors.New("want a time such as 2026-01-02T15:04:05Z")
	}
	if year := t.UTC().Year(); year < 1970 || year > 9999 {
		return errors.New("want a time of the years 1970 to 9999")
	}
	return nil
}

// setText writes a text into a string, or into what reads itself from one.
func setText(text string, into reflect.Value) error {
	if into.Kind() == reflect.String {
		into.SetString(text)
		return nil
	}
	read, ok := into.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		panic("adminhttp: a " + into.Type().String() + " is no text")
	}
	return read.UnmarshalText([]byte(text))
}
