package iamhttp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

func TestStatusError(t *testing.T) {
	t.Parallel()
	hidden := &iam.ForbiddenError{Decision: policy.Decision{Reason: policy.NoGrant, Action: emqx.View}, Hidden: true}
	for _, tt := range []struct {
		name          string
		err           error
		want          int
		reason, level string
		more          string
	}{
		{"with a detail", &iamhttp.StatusError{Status: 415, Detail: "want JSON"}, 415, "status_error", "INFO", `,"detail":"want JSON"`},
		{"without a detail", &iamhttp.StatusError{Status: 429}, 429, "status_error", "INFO", ""},
		{"with a field", &iamhttp.StatusError{Status: 400, Detail: "want it once", Field: "limit"}, 400, "status_error", "INFO", `,"detail":"want it once","field":"limit"`},
		{"forbidden by the host", &iamhttp.StatusError{Status: 403, Detail: "not on Sundays"}, 403, "status_error", "WARN", `,"detail":"not on Sundays"`},
		{"the host fails", &iamhttp.StatusError{Status: 502, Err: errDatabase}, 502, "status_error", "ERROR", ""},
		{"it rules over its error", &iamhttp.StatusError{Status: 422, Detail: "no such region", Err: iam.ErrNotFound}, 422, "status_error", "INFO", `,"detail":"no such region"`},
		{"what is missing is answered alike", &iamhttp.StatusError{Status: 404, Detail: "deployment d7 is in the lab", Field: "d7"}, 404, "status_error", "INFO", ""},
		{"no status", &iamhttp.StatusError{Detail: "forgotten"}, 500, "status_error", "ERROR", ""},
		{"no error", &iamhttp.StatusError{Status: 200, Detail: "fine", Field: "all"}, 500, "status_error", "ERROR", ""},
		{"no status that there is", &iamhttp.StatusError{Status: 499, Detail: "gone"}, 500, "status_error", "ERROR", ""},
		{"a refusal is not dressed up", &iamhttp.StatusError{Status: 403, Detail: "d2 is not yours", Err: hidden}, 404, "no_grant", "WARN", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, w := newConsole(t), httptest.NewRecorder()
			c.guard.Error(w, request("POST", "/", ""), fmt.Errorf("stop: %w", tt.err))
			bare := problemOf(tt.want)
			if want := bare[:len(bare)-1] + tt.more + "}"; w.Code != tt.want || w.Body.String() != want {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tt.want, want)
			}
			if rec := c.logs.one(t); rec["reason"] != tt.reason || rec["level"] != tt.level || rec["error"] != "stop: "+tt.err.Error() {
				t.Errorf("got record %v, want reason %q at %s", rec, tt.reason, tt.level)
			}
		})
	}
}

func TestStatusErrorSaysEverythingToTheLog(t *testing.T) {
	t.Parallel()
	err := &iamhttp.StatusError{Status: 415, Detail: "want JSON", Err: errDatabase}
	if got, want := err.Error(), "iamhttp: 415 want JSON: "+errDatabase.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (&iamhttp.StatusError{Status: 415}).Error(), "iamhttp: 415 Unsupported Media Type"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(err, errDatabase) {
		t.Error("its error cannot be asked for")
	}
}

// A body that cannot be read is the caller's to mend: the errors of http and json say how.
func TestErrorsOfTheBody(t *testing.T) {
	t.Parallel()
	type limits struct {
		Devices int8 `json:"devices"`
	}
	type body struct {
		Name    string         `json:"name"`
		On      bool           `json:"on"`
		Price   float32        `json:"price"`
		Count   uint           `json:"count"`
		Tags    []string       `json:"tags"`
		Labels  map[string]int `json:"labels"`
		Limits  limits         `json:"limits"`
		Opaque  chan int       `json:"opaque"`
		Pointer *limits        `json:"pointer"`
	}
	for sent, want := range map[string]string{
		`{"name": 4}`:                        `400 "detail":"want a string","field":"name"`,
		`{"on": "yes"}`:                      `400 "detail":"want true or false","field":"on"`,
		`{"price": 1e99}`:                    `400 "detail":"want a number that is not too large","field":"price"`,
		`{"count": -1}`:                      `400 "detail":"want a whole number that is not negative and not too large","field":"count"`,
		`{"tags": {}}`:                       `400 "detail":"want a list","field":"tags"`,
		`{"labels": []}`:                     `400 "detail":"want an object","field":"labels"`,
		`{"limits": {"devices": 300}}`:       `400 "detail":"want a whole number that is not too large","field":"limits.devices"`,
		`{"pointer": 1}`:                     `400 "detail":"want an object","field":"pointer"`,
		`{"opaque": 1}`:                      `400 "detail":"want another value","field":"opaque"`,
		`[]`:                                 `400 "detail":"want an object"`,
		`{"name": }`:                         `400 "detail":"this is no JSON, as of byte 10"`,
		`{"name": "`:                         `400 "detail":"this is no JSON, as of byte 10"`,
		``:                                   `400 "detail":"this is no JSON, as of byte 0"`,
		strings.Repeat(" ", 101) + `{"a":1}`: `413 "detail":"at most 100 bytes"`,
	} {
		for _, method := range []string{"POST", "GET"} {
			c := newConsole(t)
			h := http.MaxBytesHandler(c.guard.Handler(func(_ http.ResponseWriter, r *http.Request) error {
				sent, err := io.ReadAll(r.Body)
				if err != nil {
					return err
				}
				return fmt.Errorf("read: %w", json.Unmarshal(sent, new(body)))
			}), 100)
			r := request(method, "/", "")
			r.Body = io.NopCloser(strings.NewReader(sent))
			w := serve(h, r)
			wantCode, wantMore, _ := strings.Cut(want, " ")
			wantBody := "," + wantMore + "}"
			if method == "GET" && wantCode == "400" {
				wantCode, wantBody = "500", problemOf(500) // it has no body: the JSON was another's
			}
			if fmt.Sprint(w.Code) != wantCode || !strings.HasSuffix(w.Body.String(), wantBody) {
				t.Errorf("%s %s: got %d %s, want %s … %s", method, sent, w.Code, w.Body, wantCode, wantBody)
			}
		}
	}
}

// JSON that is read to know who asks, or about what, is the host's own: nobody is told how it is made.
func TestTheHostsOwnJSON(t *testing.T) {
	t.Parallel()
	corrupt := json.Unmarshal([]byte(`{"secret": 4}`), &struct{ Secret string }{})
	load := func(*http.Request) (site, error) { return site{}, corrupt }
	guard := newConsole(t).guard
	item := iamhttp.RequireItem(guard, emqx.ProjectEdit, load, func(http.ResponseWriter, *http.Request, site) error { return nil })
	in := iamhttp.RequireIn(guard, emqx.DeploymentCreate, load, func(http.ResponseWriter, *http.Request, site) error { return nil })
	unknown := iamhttp.New(newService(t, emqx.System()), func(*http.Request) (policy.AccountID, error) { return "", corrupt }, iamhttp.Config{Logger: new(logs).logger()})
	for name, tt := range map[string]struct {
		h    http.Handler
		want int
	}{
		"the item": {guard.Load(item), 500}, "the place": {guard.Load(in), 500}, "the session": {unknown.Load(served), 503},
		"hidden by StatusError": {guard.Handler(func(http.ResponseWriter, *http.Request) error {
			return &iamhttp.StatusError{Status: 502, Err: corrupt}
		}), 502},
	} {
		if w := serve(tt.h, request("POST", "/", "ann")); w.Code != tt.want || w.Body.String() != problemOf(tt.want) {
			t.Errorf("%s: got %d %s, want %d", name, w.Code, w.Body, tt.want)
		}
	}
}
