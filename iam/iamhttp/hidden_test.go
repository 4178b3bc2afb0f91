package iamhttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// SB-67: on every route, what is hidden from a subject and what belongs to another organisation is
// answered byte for byte as what does not exist.
func TestHiddenIsMissing(t *testing.T) {
	t.Parallel()
	routes := []string{"permissions"}
	for _, p := range deploymentPermissions() {
		routes = append(routes, string(p))
	}
	if len(routes) < 20 {
		t.Fatalf("only %d routes", len(routes))
	}
	for _, route := range routes {
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			answer := func(who policy.AccountID, id string) string {
				return dump(serve(c.handler, request("GET", "/deployments/"+id+"/"+route, who)))
			}
			missing := answer("pat", "none")
			if !strings.HasPrefix(missing, "Not Found\n") || !strings.HasSuffix(missing, "\n"+problemOf(404)) {
				t.Fatalf("what is missing got\n%s", missing)
			}
			for name, got := range map[string]string{
				"hidden":                              answer("pat", "d2"),
				"of another organisation":             answer("pat", "foreign"),
				"of another organisation, as its top": answer("ann", "foreign"),
			} {
				if got != missing {
					t.Errorf("%s got\n%s\nwant what is missing gets\n%s", name, got, missing)
				}
			}
		})
	}
}

// SB-67: what a handler said about the thing before it was refused is taken back.
func TestHeadersOfTheHandlerGo(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	h := c.guard.Load(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{
			"ETag", "Last-Modified", "Content-Disposition", "Content-Length", "Content-Encoding", "Content-Language",
			"Content-Location", "Content-Range", "Accept-Ranges", "Expires", "Link", "Location",
		} {
			w.Header().Set(name, "1")
		}
		w.Header().Set("Cache-Control", "public, max-age=600")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Access-Control-Allow-Origin", "https://console.example.com")
		_, err := loadDeployment(r)
		c.guard.Error(w, r, err)
	}))
	want := "Not Found\nAccess-Control-Allow-Origin: https://console.example.com\nCache-Control: no-store\n" +
		"Content-Type: application/problem+json\nX-Content-Type-Options: nosniff\n" + problemOf(404)
	if got := dump(serve(h, request("GET", "/", "ann"))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// HEAD is answered as GET is, without the body.
func TestHead(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	srv := httptest.NewServer(c.handler)
	defer srv.Close()
	for _, tt := range []struct {
		who  policy.AccountID
		path string
		want int
	}{
		{"", "/audit", 401},
		{"pat", "/audit", 403},
		{"pat", "/deployments/d2/deployment:view", 404},
		{"unlucky", "/audit", 503},
	} {
		var heads []string
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r := request(method, srv.URL+tt.path, tt.who)
			r.RequestURI = ""
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.Body.Close() != nil {
				t.Fatal("the body cannot be read:", err)
			}
			if resp.StatusCode != tt.want || (len(body) > 0) != (method == http.MethodGet) {
				t.Errorf("%s %s: got %d and %d bytes, want %d", method, tt.path, resp.StatusCode, len(body), tt.want)
			}
			resp.Header.Del("Date")
			var head strings.Builder
			if err := resp.Header.Write(&head); err != nil {
				t.Fatal(err)
			}
			heads = append(heads, head.String())
		}
		if heads[0] != heads[1] {
			t.Errorf("%s: GET got\n%s\nHEAD got\n%s", tt.path, heads[0], heads[1])
		}
	}
}
