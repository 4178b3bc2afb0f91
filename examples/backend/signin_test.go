package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

// post sends JSON to where people sign in.
func (w *world) post(t *testing.T, who, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", base+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	response := w.send(who, r)
	if response.Code != http.StatusOK {
		t.Fatalf("%s: got %d %s", path, response.Code, response.Body)
	}
	return response
}

// signsInFirst follows the link of an invitation, and signs in for the first time: what somebody else has chosen must
// be changed.
func (w *world) signsInFirst(t *testing.T, who, link, first, own string) {
	t.Helper()
	address, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct{ Stage, Token string }
	next := func(r *httptest.ResponseRecorder, stage iam.Stage) {
		t.Helper()
		got := decoded[answer](t, r.Body.String())
		if got.Stage != string(stage) {
			t.Fatalf("got the stage %q, want %q", got.Stage, stage)
		}
		w.tokens[who] = iam.ParseToken(got.Token)
	}
	w.post(t, "", address.Path, `{"token": "`+address.Query().Get("token")+`"}`)
	next(w.post(t, "", "/o/acme/login", `{"email": "`+who+`@acme.example", "password": "`+first+`", "bearer": true}`), iam.NeedsPasswordReset)
	w.want(t, http.StatusUnauthorized, who, "GET", "/api/projects", "")
	next(w.post(t, who, "/login/password", `{"password": "`+own+`"}`), iam.Full)
}

// A browser signs in by the page, and is led to where it wanted to go.
func TestABrowserSignsIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	form := url.Values{"email": {"uma@acme.example"}, "password": {demos[0].people[3].password().Reveal()}, "next": {"/projects/plant"}}
	r := httptest.NewRequest("POST", base+"/o/acme/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	response := w.send("", r).Result()
	if response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/projects/plant" {
		t.Fatalf("got %d to %q", response.StatusCode, response.Header.Get("Location"))
	}
	page := httptest.NewRequest("GET", base+"/projects/plant", nil)
	for _, cookie := range response.Cookies() {
		page.AddCookie(cookie)
	}
	if got := w.send("", page); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), "Press line") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}
