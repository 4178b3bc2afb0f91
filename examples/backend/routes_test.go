package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// bodies are what each route that reads a body is sent.
var bodies = map[string]string{
	"POST /api/projects":                                    `{"name": "Hall 4"}`,
	"PUT /api/projects/{project}":                           `{"name": "Hall 3", "note": "as it is called"}`,
	"POST /api/projects/{project}/deployments":              `{"name": "New", "plan": "premium"}`,
	"POST /api/deployments/{deployment}/rename":             `{"name": "Renamed"}`,
	"POST /api/deployments/{deployment}/move":               `{"project": "attic"}`,
	"PUT /api/deployments/{deployment}/tls":                 `{"min_version": "1.2"}`,
	"POST /api/accounts":                                    `{"name": "nina", "email": "nina@example.com", "role": "project_user", "password": "a first one for the new person"}`,
	"POST /api/deployments/{deployment}/start":              "",
	"POST /api/deployments/{deployment}/stop":               "",
	"PUT /api/projects/{project}/bindings/{role}/{account}": "",
}

// places are the ids that stand for the wildcards of a route.
var places = []struct {
	title, project, deployment string
}{
	{"In the plant, to which paul and uma are bound", "plant", "press-line"},
	{"In the lab, to which nobody is bound", "lab", "testbed"},
}

// request makes one of a route: with values for its wildcards.
func request(t *testing.T, pattern string, values map[string]string) (method, path, body string) {
	t.Helper()
	method, path, found := strings.Cut(pattern, " ")
	if !found { // a pattern for every method
		method, path = "GET", pattern+"nowhere"
	}
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	if strings.ContainsAny(path, "{}") {
		t.Fatalf("the test has no value for a wildcard of %s", pattern)
	}
	body, known := bodies[pattern]
	if !known && (method == "POST" || method == "PUT") {
		t.Fatalf("the test has no body for %s", pattern)
	}
	return method, path, body
}

// Who gets how far is reviewed as a table. Each cell is a request of its own, to a backend of its own.
func TestRoutes(t *testing.T) {
	t.Parallel()
	people := []string{"rosa", "ada", "paul", "uma", "carl", "otto", "gina", ""}
	titles := []string{"rosa", "ada", "paul", "uma", "carl", "otto", "gina", "nobody"}
	var table strings.Builder
	routes := newWorld(t).routes()
	for _, place := range places {
		fmt.Fprintf(&table, "%-60s%s\n", place.title, strings.Join(titles, " "))
		for _, route := range routes {
			fmt.Fprintf(&table, "%-60s", route.pattern)
			for i, who := range people {
				w := newWorld(t)
				method, path, body := request(t, route.pattern, map[string]string{
					"project": place.project, "deployment": place.deployment, "role": "project_user", "account": string(w.ids["uma"]),
				})
				status := w.ask(who, method, path, body).Code
				if who == "" && status != http.StatusUnauthorized {
					t.Errorf("%s lets nobody in particular through: %d", route.pattern, status)
				}
				end := strings.Repeat(" ", max(1, len(titles[i])-2))
				if i == len(people)-1 {
					end = "\n"
				}
				fmt.Fprintf(&table, "%d%s", status, end)
			}
		}
		fmt.Fprintln(&table)
	}
	golden(t, "routes.golden", table.String())
}

// What belongs to another organisation is answered as what does not exist, to the last byte.
func TestForeignIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := map[string]string{"project": "refinery", "deployment": "boiler", "account": string(w.ids["gus"])}
	asked := 0
	for _, route := range w.routes() {
		for wildcard, id := range foreign {
			if !strings.Contains(route.pattern, "{"+wildcard+"}") {
				continue
			}
			asked++
			answer := func(id string) string {
				values := map[string]string{
					"project": "plant", "deployment": "press-line", "role": "project_admin", "account": string(w.ids["paul"]),
				}
				values[wildcard] = id
				method, path, body := request(t, route.pattern, values)
				response := w.ask("rosa", method, path, body).Result()
				return fmt.Sprint(response.StatusCode, response.Header, bodyOfResponse(response))
			}
			got, want := answer(id), answer("no-such-id")
			if got != want || !strings.HasPrefix(got, "404") {
				t.Errorf("%s with a foreign %s: got\n%s\nwant the answer to one that does not exist, 404\n%s", route.pattern, wildcard, got, want)
			}
		}
	}
	if asked < 15 {
		t.Errorf("asked %d times: the routes have lost their wildcards", asked)
	}
	for _, id := range []string{"%00", "%FF", strings.Repeat("x", 300)} {
		w.want(t, http.StatusNotFound, "rosa", "GET", "/api/projects/"+id, "")
		w.want(t, http.StatusNotFound, "rosa", "GET", "/api/deployments/"+id, "")
	}
	w.want(t, http.StatusOK, "gus", "GET", "/api/deployments/boiler", "") // it is there, for its own people
	w.want(t, http.StatusOK, "gus", "GET", "/api/projects/refinery/permissions", "")
}

func TestWhatIsNoRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const shape = `"detail":"want one JSON object`
	for _, tt := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"no body", "", http.StatusBadRequest, shape},
		{"no JSON", "name", http.StatusBadRequest, shape},
		{"half of it", `{"name": "Hall`, http.StatusBadRequest, shape},
		{"an unknown field", `{"name": "Hall 4", "owner": "me"}`, http.StatusBadRequest, shape},
		{"a second value", `{"name": "Hall 4"} {}`, http.StatusBadRequest, shape},
		{"a number for a text", `{"name": 4}`, http.StatusBadRequest, `"detail":"want a string","field":"name"`},
		{"a body too large", `{"name": "` + strings.Repeat("x", maxBody) + `"}`, http.StatusRequestEntityTooLarge, `"detail":"at most 65536 bytes"`},
		{"a body too large for nothing", `{"name": "Hall 4"}` + strings.Repeat(" ", maxBody), http.StatusRequestEntityTooLarge, `"detail":"at most 65536 bytes"`},
		{"an empty name", `{"name": ""}`, http.StatusUnprocessableEntity, `"field":"name"`},
		{"a NUL", `{"name": "a\u0000b"}`, http.StatusUnprocessableEntity, `"field":"name"`},
	} {
		if got := w.want(t, tt.status, "rosa", "POST", "/api/projects", tt.body); !strings.Contains(got, tt.says) {
			t.Errorf("%s: got %s, want it to say %s", tt.name, got, tt.says)
		}
	}
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "after=%00"} {
		w.want(t, http.StatusUnprocessableEntity, "rosa", "GET", "/api/projects?"+query, "")
	}
}
