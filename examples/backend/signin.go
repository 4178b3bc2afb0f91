package main

import (
	"net/http"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// challenge makes a browser ask for an account id.
const challenge = `Basic realm="an account id as the user name, and no password"`

// account is the demo's sign-in, and it is NONE: whoever knows the id of an account IS that account.
//
// !!! NEVER COPY THIS INTO A REAL BACKEND. Put your own session here: look the cookie or the token
// !!! up, and return the account that it belongs to. Castellan asks for nothing more.
//
// The id comes as "Authorization: Bearer <account id>", or from a browser as the user name of Basic.
func account(r *http.Request) (policy.AccountID, error) {
	if id, _, ok := r.BasicAuth(); ok {
		return policy.AccountID(id), nil
	}
	id, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return policy.AccountID(id), nil
}
