package adminhttp_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/adminhttp"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

// newHub is a host of DeviceHub, where accounts hold devices.
func newHub(t *testing.T) *org {
	t.Helper()
	return newHost(t, systems()[2]).organization()
}

// problemOf is what the answer says is wrong.
func (h *host) problemOf(body []byte) (p struct{ Field, Detail string }) {
	h.Helper()
	h.ok(json.Unmarshal(body, &p))
	return p
}

// The host's ids are whatever it likes: each is one segment of the path, and none leads elsewhere.
func TestHeldIDs(t *testing.T) {
	t.Parallel()
	o := newHub(t)
	admin := o.account(devicehub.Admin)
	sub := o.under(admin)
	for _, id := range []string{
		"24E124126A148401", "a/b", "/a", "a/", "//", "..", ".", "../../accounts", "a b", "a+b", "%2F", "%", "?limit=1", "#x", "ä", "shares", "{id}", `"`, "<&>",
	} {
		o.room(admin, 1)
		o.room(sub, 0)
		path := "/holdings/device/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		body := string(must(json.Marshal(map[string]string{"kind": "device", "id": id}))(t))
		for _, step := range []struct {
			method, path, body string
			want               int
		}{
			{"POST", "/holdings", body, 201},
			{"POST", path + "/shares", `{"to":"` + string(sub) + `","permissions":["device:view"]}`, 201},
			{"GET", path + "/shares", "", 200},
			{"POST", path + "/transfer", `{"to":"` + string(sub) + `"}`, 409}, // no room: it is known which
			{"DELETE", path, "", 204},
			{"DELETE", path, "", 404},
		} {
			w := o.send(admin, step.method, step.path, step.body)
			if step.method == "GET" {
				w = o.get(admin, step.path)
			}
			if w.Code != step.want {
				t.Fatalf("%q: %s %s: got %d, want %d: %s", id, step.method, step.path, w.Code, step.want, w.Body)
			}
			if step.method == "GET" {
				var list struct{ Grants []struct{ Resource string } }
				o.ok(json.Unmarshal(w.Body.Bytes(), &list))
				if len(list.Grants) != 1 || list.Grants[0].Resource != id {
					t.Errorf("%q: got the shares %+v", id, list.Grants)
				}
			}
		}
	}
}

// The list of holdings is read to its end by its cursors, narrowed to an account, to those below one (D9), and to a kind.
func TestHoldingPages(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		h := newHostOn(t, db, systems()[2], func(*adminhttp.Config) {})
		o := h.organization()
		admin := o.account(devicehub.Admin)
		sub := o.under(admin)
		basic := o.under(sub)
		for range 3 {
			o.holds(admin)
			o.holds(sub)
			o.holds(basic)
		}
		for _, tt := range []struct {
			query       string
			want, pages int
		}{
			{"limit=2", 9, 5},
			{"limit=9", 9, 1},
			{"kind=device&limit=4", 9, 3},
			{"kind=file&limit=4", 0, 1},
			{"account=" + string(admin) + "&limit=2", 3, 2},
			{"below=" + string(o.root) + "&limit=2", 9, 5},
			{"below=" + string(admin) + "&limit=2", 6, 3},
			{"below=" + string(sub) + "&limit=2", 3, 2},
			{"below=" + string(admin) + "&account=" + string(basic) + "&limit=1", 3, 3},
			{"below=" + string(basic) + "&limit=2", 0, 1},
		} {
			all, pages := h.pages("listHoldings", o.root, "/holdings?"+tt.query, "holdings")
			ids := make([]string, 0, len(all))
			for _, item := range all {
				ids = append(ids, fmt.Sprint(item["id"]))
			}
			if len(ids) != tt.want || pages != tt.pages || len(slices.Compact(slices.Clone(ids))) != tt.want || !slices.IsSorted(ids) {
				t.Errorf("%s: got %d in %d pages, want %d in %d: %q", tt.query, len(ids), pages, tt.want, tt.pages, ids)
			}
		}
		if w := o.get(basic, "/holdings?account="+string(basic)); w.Code != 200 || strings.Count(w.Body.String(), `"kind":"device"`) != 3 {
			t.Errorf("one's own, for who sees no accounts: got %d %s", w.Code, w.Body)
		}
		if w := o.get(basic, "/holdings"); w.Code != 403 {
			t.Errorf("everybody's, for who sees no accounts: got %d %s", w.Code, w.Body)
		}
	})
}

// D5, D7: a quota is what an account may have, with what of it is used; what would break one is a 409 that names the field.
func TestQuotas(t *testing.T) {
	t.Parallel()
	o := newHub(t)
	quotas := func(of string) string {
		t.Helper()
		w := o.get(o.root, "/accounts/"+of+"/quotas")
		if w.Code != 200 {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		return strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `{"quotas":[`), `]}`)
	}
	if got, want := quotas(string(o.root)), `{"kind":"device","unlimited":true,"held":0,"given":0}`; got != want {
		t.Errorf("root without a limit: got %s, want %s", got, want)
	}
	var made struct{ Account struct{ ID string } }
	w := o.send(o.root, "POST", "/accounts", `{"email":"`+address("ann")+`","roles":["admin"],"active":true,"quotas":[{"kind":"device","most":4}]}`)
	o.ok(json.Unmarshal(w.Body.Bytes(), &made))
	ann := made.Account.ID
	var sent struct{ Invitation struct{ Account string } }
	invite := `{"email":"ADDRESS","roles":["basic"],"quotas":[{"kind":"device","most":1}]}`
	w = o.send(policy.AccountID(ann), "POST", "/invitations", strings.Replace(invite, "ADDRESS", address("bob"), 1))
	o.ok(json.Unmarshal(w.Body.Bytes(), &sent))
	bob := sent.Invitation.Account
	for range 2 {
		o.holds(policy.AccountID(ann))
	}
	o.room(o.root, 5)
	for _, tt := range []struct{ name, of, want string }{
		{"root with a limit", string(o.root), `{"kind":"device","unlimited":false,"most":5,"held":0,"given":4,"left":1}`},
		{"by the body of an account", ann, `{"kind":"device","unlimited":false,"most":4,"held":2,"given":1,"left":1}`},
		{"by the body of an invitation (SB-73)", bob, `{"kind":"device","unlimited":false,"most":1,"held":0,"given":0,"left":1}`},
		{"nobody has said", string(o.account(devicehub.Basic)), `{"kind":"device","unlimited":false,"most":0,"held":0,"given":0,"left":0}`},
	} {
		if got := quotas(tt.of); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	device := o.holds(policy.AccountID(ann))
	for _, tt := range []struct {
		name, who, method, path, body string
		want                          int
		field                         string
	}{
		{"below what is used", "", "PUT", "/accounts/" + ann + "/quotas/device", `{"most":3}`, 409, "most"},
		{"more than the creator has left", "", "PUT", "/accounts/" + ann + "/quotas/device", `{"most":6}`, 409, "most"},
		{"below nothing", "", "PUT", "/accounts/" + ann + "/quotas/device", `{"most":-1}`, 400, "most"},
		{"more than can be counted", "", "PUT", "/accounts/" + ann + "/quotas/device", `{"most":2147483648}`, 400, "most"},
		{"a kind without quotas", "", "PUT", "/accounts/" + ann + "/quotas/file", `{"most":1}`, 404, ""},
		{"a new account above it", "", "POST", "/accounts", `{"roles":["admin"],"quotas":[{"kind":"device","most":2}]}`, 409, "quotas"},
		{"an invitation above it", ann, "POST", "/invitations", strings.Replace(invite, "ADDRESS", address("eve"), 1), 409, "quotas"},
		{"a kind twice", "", "POST", "/accounts", `{"roles":["admin"],"quotas":[{"kind":"device","most":1},{"kind":"device","most":0}]}`, 400, "quotas[1].kind"},
		{"an unknown kind", "", "POST", "/accounts", `{"roles":["admin"],"quotas":[{"kind":"file","most":1}]}`, 422, "quotas"},
		{"no number", "", "POST", "/accounts", `{"roles":["admin"],"quotas":[{"kind":"device"}]}`, 400, "quotas[0].most"},
		{"one device too many", ann, "POST", "/holdings", `{"kind":"device","id":"one more"}`, 409, "id"},
		{"a device that is held", "", "POST", "/holdings", `{"kind":"device","id":"` + device + `"}`, 409, "id"},
		{"a kind that nobody holds", "", "POST", "/holdings", `{"kind":"file","id":"f"}`, 422, "kind"},
		{"an id that no path can have", "", "POST", "/holdings", `{"kind":"device","id":"/"}`, 400, "id"},
		{"no id", "", "POST", "/holdings", `{"kind":"device","id":""}`, 422, "id"},
		{"no room for a device", "", "POST", "/holdings/device/" + device + "/transfer", `{"to":"` + string(o.account(devicehub.Basic)) + `"}`, 409, "to"},
		{"what is the holder's alone", "", "POST", "/holdings/device/" + device + "/shares", `{"to":"` + ann + `","permissions":["device:transfer"]}`, 422, "permissions"},
		{"a share that has ended", ann, "POST", "/holdings/device/" + device + "/shares", `{"to":"` + bob + `","permissions":["device:view"],"until":"2020-01-01T00:00:00Z"}`, 422, "until"},
		{"who holds devices is not deleted", "", "DELETE", "/accounts/" + ann, "", 409, "account"},
	} {
		who := o.root
		if tt.who != "" {
			who = policy.AccountID(tt.who)
		}
		w := o.send(who, tt.method, tt.path, tt.body)
		if p := o.problemOf(w.Body.Bytes()); w.Code != tt.want || p.Field != tt.field || (p.Detail == "") != (tt.want == 404) {
			t.Errorf("%s: got %d %s, want %d and %q", tt.name, w.Code, w.Body, tt.want, tt.field)
		}
	}
}

// D9: what an account holds keeps it, is handed over as far as there is room, and the rest is named.
func TestHandOverHoldings(t *testing.T) {
	t.Parallel()
	o := newHub(t)
	from, to := o.under(o.root), o.under(o.root)
	o.holds(from)
	o.holds(from)
	o.key(from)
	o.room(to, 1)
	var removal struct {
		Refusal  string
		APIKeys  int `json:"api_keys"`
		Holdings []struct{ ID, Kind string }
	}
	o.ok(json.Unmarshal(o.get(o.root, "/accounts/"+string(from)+"/removal").Body.Bytes(), &removal))
	if removal.Refusal != "holds" || len(removal.Holdings) != 2 || removal.Holdings[0].Kind != "device" || removal.APIKeys != 1 {
		t.Errorf("got %+v", removal)
	}
	var done struct {
		Holdings []struct{ ID, Account string }
		Rest     struct {
			Holdings []struct{ ID, Account string }
		}
	}
	w := o.send(o.root, "POST", "/accounts/"+string(from)+"/hand-over", `{"to":"`+string(to)+`"}`)
	o.ok(json.Unmarshal(w.Body.Bytes(), &done))
	if len(done.Holdings) != 1 || done.Holdings[0].Account != string(to) || done.Holdings[0].ID != removal.Holdings[0].ID ||
		len(done.Rest.Holdings) != 1 || done.Rest.Holdings[0].Account != string(from) {
		t.Errorf("got %s", w.Body)
	}
	if held := must(o.system().Holdings(t.Context(), iam.HoldingQuery{Account: to}))(t); len(held) != 1 {
		t.Errorf("got %+v", held)
	}
}
