package iamhttp

import (
	"net/http"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// KeyOf returns the API key that a request presents, in the form in which it was shown once, id.secret: behind
// Bearer, or as the user and password of Basic. It is the zero Secret when there is none, or more than
// one header. What stands behind Bearer and has no dot, such as the token of a session, is none.
//
// With package signin, a guard takes keys as its Config.Subject says:
//
//	Subject: func(r *http.Request) (iam.Subject, error) {
//		sub, _, err := in.Key(r.Context(), iamhttp.KeyOf(r))
//		return sub, err
//	}
//
// A bad key is answered with 401, one whose scope does not reach with 403 or 404, and 429 with
// Retry-After says that it comes too often.
func KeyOf(r *http.Request) iam.Secret {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return iam.Secret{}
	}
	if id, secret, ok := r.BasicAuth(); ok {
		return iam.NewSecret(id + "." + secret)
	}
	scheme, key, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || !strings.Contains(key, ".") {
		return iam.Secret{}
	}
	return iam.NewSecret(strings.TrimSpace(key))
}
