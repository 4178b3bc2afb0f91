package main

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

var buttonPattern = regexp.MustCompile(`<button[^>]*data-method="([A-Z]+)" data-to="([^"]+)"[^>]*>([^<]+)</button>`)

// sentBy is what the page's script would send for a button.
func sentBy(label, path string) string {
	switch {
	case strings.HasSuffix(path, "/move"):
		return `{"project": "plant"}`
	case strings.HasSuffix(path, "/tls"):
		return `{"min_version": "1.3"}`
	case strings.HasSuffix(path, "/deployments"):
		return `{"name": "New", "plan": "serverless"}`
	case label == "Rename":
		return `{"name": "Renamed"}`
	default:
		return ""
	}
}

// Every button of the page works, and what it has no button for, the API refuses: the buttons are
// reviewed as a table.
func TestThePagePromisesWhatTheAPIKeeps(t *testing.T) {
	t.Parallel()
	all := buttons(newWorld(t), "rosa")
	var table strings.Builder
	for _, who := range []string{"rosa", "ada", "paul", "uma", "carl", "otto"} {
		w := newWorld(t)
		drawn := buttons(w, who)
		var labels []string
		for _, b := range all {
			// Each world has its own ids: a binding's path ends in one.
			path := strings.Replace(b.path, string(b.world.ids["uma"]), string(w.ids["uma"]), 1)
			status := newWorld(t).ask(who, b.method, path, sentBy(b.label, path)).Code
			refused := status == http.StatusForbidden || status == http.StatusNotFound
			has := false
			for _, d := range drawn {
				has = has || d.method == b.method && d.path == path
			}
			if has == refused {
				t.Errorf("%s: the button %q (%s %s): drawn is %t, and the API answers %d", who, b.label, b.method, path, has, status)
			}
		}
		for _, d := range drawn {
			labels = append(labels, d.label)
		}
		fmt.Fprintln(&table, strings.TrimSpace(fmt.Sprintf("%-6s%s", who, strings.Join(labels, " · "))))
	}
	golden(t, "buttons.golden", table.String())
}

type button struct {
	method, path, label string
	world               *world
}

func buttons(w *world, who string) []button {
	var found []button
	for _, m := range buttonPattern.FindAllStringSubmatch(w.ask(who, "GET", "/projects/plant", "").Body.String(), -1) {
		found = append(found, button{m[1], html.UnescapeString(m[2]), m[3], w})
	}
	return found
}

func TestThePageEscapesAndGuardsItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.want(t, http.StatusOK, "rosa", "PUT", "/api/projects/lab", `{"name": "<script>alert(1)</script>", "note": "\" onclick=x"}`)
	first, second := w.ask("rosa", "GET", "/projects/lab", ""), w.ask("rosa", "GET", "/projects/lab", "")
	if body := first.Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, `" onclick`) {
		t.Error("the page does not escape what people write")
	}
	policies := [2]string{first.Header().Get("Content-Security-Policy"), second.Header().Get("Content-Security-Policy")}
	if policies[0] == policies[1] || !strings.Contains(policies[0], "default-src 'none'") {
		t.Errorf("want a strict policy with a nonce of its own for each answer, got %q and %q", policies[0], policies[1])
	}
}

// A permission that is misspelt in the template would hide a button from everybody.
func TestThePageNamesPermissionsThatThereAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	named := regexp.MustCompile(`\.Can\.Do "([^"]*)"`).FindAllStringSubmatch(pageText, -1)
	if len(named) < 8 {
		t.Fatalf("found %d permissions in the page", len(named))
	}
	m := w.may(w.subject(t, "rosa"), policy.Resource{})
	for _, n := range named {
		if _, err := m.Do(policy.Permission(n[1])); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.Do("deployment:strat"); err == nil {
		t.Error("a misspelt permission passes")
	}
}
