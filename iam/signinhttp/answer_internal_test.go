package signinhttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
)

// Every error has one answer, as JSON and as a page, and none says more than it should.
func TestErrors(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)
	svc, err := iam.New(struct{ iam.Store }{}, emqx.System(), iam.Config{BaseURL: "https://example.com", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	in, err := signin.New(svc, signin.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(in, svc, Config{Guard: iamhttp.Config{Logger: slog.New(slog.DiscardHandler)}})
	if err != nil {
		t.Fatal(err)
	}
	secret := errors.New("dial tcp 10.0.0.7:5432: refused")
	for _, tt := range []struct {
		err    error
		status int
		says   string // in JSON
		page   string
		retry  string
	}{
		{signin.ErrCredentials, 403, `"detail":"the address or the password is wrong"`, "The address or the password is wrong.", ""},
		{errors.Join(signin.ErrCredentials, secret), 403, `"detail":"the address or the password is wrong"`, "The address or the password is wrong.", ""},
		{signin.ErrSession, 401, `"detail":"nobody is signed in"`, "Nobody is signed in.", ""},
		{iam.ErrToken, 410, `"detail":"the link is not valid any more"`, "The link is not valid any more.", ""},
		{signin.ErrBusy, 503, `"detail":"too many people at once"`, "Too many people at once.", "1"},
		{&iam.ThrottledError{Until: now.Add(90500 * time.Millisecond)}, 429, `"detail":"too many attempts"`, "Too many attempts.", "91"},
		{errors.Join(&iam.ThrottledError{Until: now}, secret), 429, `"detail":"too many attempts"`, "Too many attempts.", "1"},
		{&iam.FieldError{Field: "SecondFactor", Problem: "there is none"}, 422, `"detail":"there is none","field":"second_factor"`, "Second factor: there is none.", ""},
		{&iam.FieldError{Field: "Email", Problem: "is taken", Reason: iam.ErrExists}, 409, `"detail":"is taken","field":"email"`, "Email: is taken.", ""},
		{iam.ErrNotFound, 404, `"title":"Not Found"`, "Not Found.", ""},
		{context.DeadlineExceeded, 503, `"title":"Service Unavailable"`, "Service Unavailable.", ""},
		{fmt.Errorf("read: %w", secret), 500, `"title":"Internal Server Error"`, "Internal Server Error.", ""},
		{iam.ErrKeys, 500, `"title":"Internal Server Error"`, "Internal Server Error.", ""},
	} {
		for _, page := range []bool{false, true} {
			rec := httptest.NewRecorder()
			x := &exchange{Handler: h, w: rec, r: httptest.NewRequest("POST", "/login", nil), route: h.routes[0], html: page}
			x.fail(tt.err)
			says := tt.says
			if page {
				says = `role="alert" id="problem">` + tt.page
			}
			if rec.Code != tt.status || !strings.Contains(rec.Body.String(), says) || rec.Header().Get("Retry-After") != tt.retry {
				t.Errorf("%v: got %d %v %s, want %d %s", tt.err, rec.Code, rec.Header(), rec.Body, tt.status, says)
			}
			if strings.Contains(rec.Body.String(), "10.0.0.7") {
				t.Errorf("%v: the answer says too much: %s", tt.err, rec.Body)
			}
			if (rec.Code == http.StatusUnauthorized) != (rec.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("%v: got the challenge %q with %d", tt.err, rec.Header().Get("WWW-Authenticate"), rec.Code)
			}
		}
	}
}
