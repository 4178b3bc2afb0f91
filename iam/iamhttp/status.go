package iamhttp

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
)

// StatusError is an error of the host's own with the answer that it wants, such as
//
//	&iamhttp.StatusError{Status: http.StatusUnsupportedMediaType, Detail: "want application/json", Err: err}
//
// It rules over whatever Err is, but for a refusal of the policy ([iam.ForbiddenError]), which is
// answered as such: nobody can give away by a status what the policy hides.
type StatusError struct {
	// Status is one of 400 and above that package http has a text for. Any other is answered with 500.
	Status int
	// Detail is for the caller, and comes into the body. With 404 it stays in the log: what is hidden
	// is answered as what does not exist. Defaults to no detail.
	Detail string
	// Field names the parameter that is wrong, as the caller has sent it. With 404 it stays away too.
	// Defaults to none.
	Field string
	// Err is what has happened, for the log alone. Defaults to no error.
	Err error
}

// Error says everything, for the log.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("iamhttp: %d %s", e.Status, cmp.Or(e.Detail, http.StatusText(e.Status)))
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *StatusError) Unwrap() error { return e.Err }

func (e *StatusError) answer() answer {
	a := answer{status: e.Status, reason: "status_error", detail: e.Detail, field: e.Field}
	switch {
	case e.Status < http.StatusBadRequest || http.StatusText(e.Status) == "":
		a.status, a.detail, a.field = http.StatusInternalServerError, "", ""
	case e.Status == http.StatusNotFound:
		a.detail, a.field = "", ""
	}
	return a
}

// answerToBody is the answer to an error of reading the request's body as JSON, if the error is one.
func answerToBody(r *http.Request, err error) (a answer, ok bool) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return answer{}, false // it has no body: the JSON is another's
	}
	a = answer{status: http.StatusBadRequest, reason: "malformed"}
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped):
		a.detail, a.field = "want "+nameOf(mistyped.Type), mistyped.Field
	case errors.As(err, &syntax):
		a.detail = fmt.Sprintf("this is no JSON, as of byte %d", syntax.Offset)
	default:
		return answer{}, false
	}
	return a, true
}

// nameOf says what is wanted of a JSON value, without the name of a Go type.
func nameOf(t reflect.Type) string {
	if t == nil {
		return "another value"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number that is not too large"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number that is not negative and not too large"
	case reflect.Float32, reflect.Float64:
		return "a number that is not too large"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return "another value"
	}
}
