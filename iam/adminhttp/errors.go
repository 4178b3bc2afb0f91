package adminhttp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
)

// Answers to what is wrong with a request as a whole.
var (
	errNotLoaded   = errors.New("adminhttp: no subject was loaded: put Guard.Load in front of the handler")
	errCrossOrigin = &iamhttp.StatusError{Status: http.StatusForbidden, Detail: "the request comes from another origin"}
	errNotFresh    = &iamhttp.StatusError{Status: http.StatusForbidden, Detail: "the password must be given again", Err: signin.ErrStale}
)

// malformed says what is wrong with the form of a request: 400. The field is "" where none is meant.
func malformed(field, detail string) error {
	return &iamhttp.StatusError{Status: http.StatusBadRequest, Detail: detail, Field: field}
}

// answerable gives an error of a method the form in which the guard answers it: fields have the names
// of the request's, and what package iamhttp does not know has a status.
func (c *call) answerable(err error) error {
	var status *iamhttp.StatusError
	switch {
	case err == nil, errors.Is(err, iam.ErrForbidden), errors.As(err, &status),
		errors.Is(err, iam.ErrNotFound), errors.Is(err, iam.ErrThrottled):
		return err // a refusal first: nobody learns more by what else is wrong
	case errors.Is(err, signin.ErrBusy):
		c.w.Header().Set("Retry-After", "1")
		return &iamhttp.StatusError{Status: http.StatusServiceUnavailable, Err: err}
	case errors.Is(err, signin.ErrStale):
		return &iamhttp.StatusError{Status: http.StatusForbidden, Detail: errNotFresh.Detail, Err: err}
	case errors.Is(err, iam.ErrKeys):
		return &iamhttp.StatusError{Status: http.StatusNotImplemented, Detail: "this server keeps no secrets", Err: err}
	}
	return named(err)
}

// named gives the field of an error the name that it has in a request, and says in which line of a list it is.
func named(err error) error {
	var line *iam.LineError
	inLine := ""
	if errors.As(err, &line) {
		inLine = fmt.Sprintf("line %d: ", line.Line)
	}
	var field *iam.FieldError
	switch {
	case !errors.As(err, &field):
		if line != nil && errors.Is(err, iam.ErrInvalid) {
			return &iamhttp.StatusError{Status: http.StatusUnprocessableEntity, Detail: inLine + "this is no CSV", Err: err}
		}
		return err
	case strings.HasPrefix(field.Field, "Config."):
		return &iamhttp.StatusError{Status: http.StatusInternalServerError, Err: err} // the host's mistake
	}
	return &iam.FieldError{Field: jsonName(field.Field), Problem: inLine + field.Problem, Reason: field.Reason}
}

// jsonName is the name of a field of a Params struct in a request: SecondFactor is second_factor.
func jsonName(field string) string {
	if i := strings.LastIndexByte(field, '.'); i >= 0 {
		field = field[i+1:] // Grant.Role is the role of a grant
	}
	switch field {
	case "Expires":
		return "until"
	case "ID":
		return "id"
	}
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
