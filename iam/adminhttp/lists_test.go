package adminhttp_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// pages reads a list to its end, by its cursors, and returns the items of all pages.
func (h *host) pages(op string, who policy.AccountID, path, items string) (all []map[string]any, pages int) {
	h.Helper()
	ops := h.operations()
	of := ops[slices.IndexFunc(ops, func(o *operation) bool { return o.id == op })]
	for next := ""; pages < 50; pages++ {
		w := h.get(who, path+next)
		if w.Code != 200 {
			h.Fatalf("%s: got %d: %s", path, w.Code, w.Body)
		}
		h.declared(of, w)
		var page map[string]json.RawMessage
		h.ok(json.Unmarshal(w.Body.Bytes(), &page))
		var some []map[string]any
		h.ok(json.Unmarshal(page[items], &some))
		all = append(all, some...)
		if page["next"] == nil {
			return all, pages + 1
		}
		var cursor string
		h.ok(json.Unmarshal(page["next"], &cursor))
		next = "&cursor=" + url.QueryEscape(cursor)
	}
	h.Fatalf("%s does not end", path)
	return nil, 0
}

// Every list is read to its end by its cursors: each item once, in order, and no page is empty.
func TestLists(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHostOn(t, db, systems()[0], func(*adminhttp.Config) {})
		o := h.organization()
		for range 5 {
			id := o.account(emqx.ProjectUser, emqx.ProjectAdmin)
			o.ok(o.system().Bind(o.Context(), iam.Binding{Account: id, Role: emqx.ProjectUser, Project: "p1"}, iam.Binding{Account: id, Role: emqx.ProjectAdmin, Project: "p1"}))
			o.invited()
		}
		for _, tt := range []struct {
			op, path, items, key string
			want, pages          int
			descending           bool
		}{
			{"listAccounts", "/accounts?keyword=MEMBER&limit=2", "accounts", "id", 5, 3, false},
			{"listAccounts", "/accounts?keyword=member&limit=5", "accounts", "id", 5, 1, false},
			{"listAccounts", "/accounts?role=project_user&status=pending&limit=4", "accounts", "id", 5, 2, false},
			{"listAccounts", "/accounts?project=p1&limit=4", "accounts", "id", 5, 2, false},
			{"listAccounts", "/accounts?project=p2&limit=4", "accounts", "id", 0, 1, false},
			{"listInvitations", "/invitations?open=true&limit=2", "invitations", "account", 5, 3, false},
			{"listMails", "/mails?limit=2", "mails", "id", 5, 3, true},
			{"listMails", "/mails?limit=2&state=sent", "mails", "id", 0, 1, true},
			{"listProjectBindings", "/projects/p1/bindings?limit=2", "bindings", "account", 10, 3, false},
		} {
			all, pages := h.pages(tt.op, o.root, tt.path, tt.items)
			ids := make([]string, 0, len(all))
			for _, item := range all {
				ids = append(ids, fmt.Sprint(item[tt.key], item["role"]))
			}
			if tt.descending {
				slices.Reverse(ids)
			}
			if len(ids) != tt.want || pages != tt.pages || len(slices.Compact(slices.Clone(ids))) != tt.want ||
				tt.items != "bindings" && !slices.IsSorted(ids) {
				t.Errorf("%s: got %d in %d pages, want %d in %d: %q", tt.path, len(ids), pages, tt.want, tt.pages, ids)
			}
		}
		events, pages := h.pages("listEvents", o.root, "/events?type=invitation.sent&limit=2", "events")
		if len(events) != 5 || pages != 3 {
			t.Errorf("got %d events in %d pages", len(events), pages)
		}
		for i := 1; i < len(events); i++ {
			if fmt.Sprint(events[i]["time"]) > fmt.Sprint(events[i-1]["time"]) {
				t.Errorf("event %d is newer than the one before it", i)
			}
		}
	})
}

// SB-72: a cursor is good for the same list of the same organisation, asked with the same parameters, and nothing else is one.
func TestCursors(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o, other := h.organization(), h.organization()
	for range 3 {
		o.account(emqx.Auditor)
		o.invited()
		other.account(emqx.Auditor)
	}
	var page struct{ Next string }
	h.ok(json.Unmarshal(h.get(o.root, "/accounts?status=active&limit=1").Body.Bytes(), &page))
	if page.Next == "" {
		t.Fatal("there is no cursor")
	}
	flipped := []byte(page.Next)
	flipped[0] ^= 1
	longer := page.Next + "AAAA"
	for _, tt := range []struct {
		name   string
		who    policy.AccountID
		path   string
		cursor string
		want   int
	}{
		{"the same list", o.root, "/accounts?status=active", page.Next, 200},
		{"a page of another size", o.root, "/accounts?limit=3&status=active", page.Next, 200},
		{"another filter", o.root, "/accounts?status=pending", page.Next, 400},
		{"no filter", o.root, "/accounts?", page.Next, 400},
		{"one filter more", o.root, "/accounts?status=active&keyword=a", page.Next, 400},
		{"another list", o.root, "/invitations?", page.Next, 400},
		{"another organisation's", other.root, "/accounts?status=active", page.Next, 400},
		{"another MAC", o.root, "/accounts?status=active", string(flipped), 400},
		{"a longer position", o.root, "/accounts?status=active", longer, 400},
		{"cut", o.root, "/accounts?status=active", page.Next[:20], 400},
		{"an id", o.root, "/accounts?status=active", string(o.root), 400},
		{"no base64", o.root, "/accounts?status=active", "!", 400},
	} {
		w := h.get(tt.who, strings.TrimSuffix(tt.path, "&")+"&cursor="+url.QueryEscape(tt.cursor))
		if w.Code != tt.want || w.Code == 400 && !strings.Contains(w.Body.String(), `"field":"cursor"`) {
			t.Errorf("%s: got %d, want %d: %s", tt.name, w.Code, tt.want, w.Body)
		}
	}
}

// A cursor of one node is good on another with the same key, and on none with another.
func TestCursorsOfNodes(t *testing.T) {
	t.Parallel()
	db := testdb.Open(t, testdb.SQLite)
	key := func(k string) func(*adminhttp.Config) {
		return func(c *adminhttp.Config) { c.CursorKey = []byte(k) }
	}
	first := newHostOn(t, db, systems()[0], key(strings.Repeat("a", 32)))
	o := first.organization()
	o.account(emqx.Auditor)
	var page struct{ Next string }
	first.ok(json.Unmarshal(first.get(o.root, "/accounts?limit=1").Body.Bytes(), &page))
	for _, tt := range []struct {
		name, key string
		want      int
	}{{"the same key", strings.Repeat("a", 32), 200}, {"another", strings.Repeat("b", 32), 400}, {"none, and so a random one", "", 400}} {
		node := newHostOn(t, db, systems()[0], key(tt.key))
		if w := node.get(o.root, "/accounts?limit=1&cursor="+page.Next); w.Code != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

// The log is narrowed by what happened, when, by whom and to whom.
func TestEventFilters(t *testing.T) {
	t.Parallel()
	h := newHost(t, systems()[0])
	o := h.organization()
	start := h.clock.now()
	h.clock.advance(time.Hour)
	w := h.send(o.root, "POST", "/accounts", `{"roles":["auditor"],"active":true}`)
	var made struct{ Account struct{ ID policy.AccountID } }
	h.ok(json.Unmarshal(w.Body.Bytes(), &made))
	h.send(made.Account.ID, "POST", "/accounts", `{"roles":["auditor"]}`) // refused
	at := url.QueryEscape(start.Add(time.Hour).In(time.FixedZone("", 2*3600)).Format(time.RFC3339))
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"actor=" + string(o.root), []string{"account.created"}},
		{"target=" + string(made.Account.ID), []string{"account.created"}},
		{"outcome=refused", []string{"authorization.denied"}},
		{"outcome=failed", nil},
		{"outcome=done&type=organization.created", []string{"organization.created"}},
		{"from=" + at, []string{"authorization.denied", "account.created"}},
		{"to=" + at, []string{"account.created", "organization.created"}},
		{"type=none", nil},
	} {
		events, _ := h.pages("listEvents", o.root, "/events?"+tt.query, "events")
		var got []string
		for _, e := range events {
			got = append(got, fmt.Sprint(e["type"]))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
}
