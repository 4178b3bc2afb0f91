package iamhttp_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// A sign-in that has loaded the subject hands it over, and nothing is loaded again.
func TestSubjectsOfTheHost(t *testing.T) {
	t.Parallel()
	svc := newService(t, emqx.System())
	for name, tt := range map[string]struct {
		who  policy.AccountID
		err  error
		want int
	}{
		"an active account":              {"ann", nil, 200},
		"nobody":                         {"", nil, 401},
		"nobody, with a reason":          {"", fmt.Errorf("%w: the session has ended", iamhttp.ErrNoAccount), 401},
		"SB-71: a disabled account":      {"eve", nil, 403},
		"the sessions are away":          {"", errDatabase, 503},
		"an error beside a subject":      {"ann", errDatabase, 503},
		"an error with its own status":   {"", &iamhttp.StatusError{Status: 429}, 429},
		"an account that does not exist": {"", iam.ErrNotFound, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sub iam.Subject
			if tt.who != "" {
				var err error
				if sub, err = svc.Subject(t.Context(), tt.who); err != nil {
					t.Fatal(err)
				}
			}
			guard := iamhttp.New(svc, nil, iamhttp.Config{
				Subject: func(*http.Request) (iam.Subject, error) { return sub, tt.err }, Logger: new(logs).logger(), LogOnly: true,
			})
			var served policy.AccountID
			w := serve(guard.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { served = iam.FromContext(r.Context()).ID() })), request("GET", "/", ""))
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			if tt.want == 200 && served != tt.who || tt.want != 200 && served != "" {
				t.Errorf("served %q", served)
			}
		})
	}
}

// The account function is not called where there is a better one.
func TestSubjectRulesOverAccount(t *testing.T) {
	t.Parallel()
	svc := newService(t, emqx.System())
	asked := func(*http.Request) (policy.AccountID, error) {
		return "", errors.New("the account function was called")
	}
	guard := iamhttp.New(svc, asked, iamhttp.Config{Subject: func(r *http.Request) (iam.Subject, error) {
		return svc.Subject(r.Context(), "ann")
	}})
	if w := serve(guard.Load(served), request("GET", "/", "")); w.Code != 200 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// SB-32: routes outside of Load know where a request came from as those behind it do.
func TestOriginOutsideOfLoad(t *testing.T) {
	t.Parallel()
	guard := iamhttp.New(newService(t, emqx.System()), account, iamhttp.Config{RequestID: func(*http.Request) string { return "req-7" }})
	var got iam.Origin
	r := request("GET", "/", "")
	r.Header.Set("User-Agent", "browser")
	r.Header.Set("X-Forwarded-For", "198.51.100.9")
	serve(guard.Origin(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = iam.OriginOf(r.Context()) })), r)
	if want := originOf("192.0.2.1", "req-7", "browser"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
