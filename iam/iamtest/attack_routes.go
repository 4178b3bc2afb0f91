package iamtest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func routeAttacks() []Attack {
	return []Attack{
		{"an id of another organisation", "SB-67, CVE-2017-18878", []string{needsRoutes}, foreignID},
		{"an id of one's own beside a foreign one", "SB-67, CVE-2026-54322", []string{needsRoutes}, twoIDs},
		{"more fields than are asked for", "SB-63, CVE-2026-27899, CVE-2026-29195", []string{needsRoutes}, massAssignment},
		{"a session that is none", "SB-60, SB-A1", []string{needsRoutes, needsSignIn, needsCookies}, noSession},
		{"half a sign-in", "SB-43, GHSA-xg6x-h9c9-2m83", []string{needsRoutes, needsSignIn, needsCookies, needsFactor, "SecondFactor"}, halfSession},
		{"an account that is over", "SB-38, SB-71, CVE-2024-46999, CVE-2025-3230", []string{needsRoutes}, overAccount},
		{"secrets in answers", "SB-70, CVE-2026-64859", []string{needsRoutes}, secretsInAnswers},
	}
}

// foreignID asks all of it in one world, past what it changes.
func foreignID(w *World) {
	for _, rt := range w.Host.Routes {
		(&worlds{tb: w.tb, w: w, only: true}).foreignIDs(rt)
	}
}

// twoIDs asks for another organisation's row, with one's own in the query, the body and a header: a guard that looks at
// one of them must not let through what a handler reads from another.
func twoIDs(w *World) {
	p := w.strongest(w.Home)
	for _, rt := range w.Host.Routes {
		for nth, name := range w.ids(rt) {
			if nth >= rt.namesInPath() {
				continue
			}
			for _, alias := range []string{name, name + "_id", "id"} {
				ask := func(id string) answer {
					r := w.with(rt, nth, id)
					query := r.URL.Query()
					query.Set(alias, w.Values()[name])
					r.URL.RawQuery = query.Encode()
					r.RequestURI = r.URL.RequestURI()
					r.Header.Set("X-"+alias, w.Values()[name])
					r.Header.Set("X-Organization-Id", string(w.Foreign))
					return p.do(r)
				}
				none, got := ask(w.missing[name]), ask(w.places[w.Foreign].values[name])
				if got.through() {
					w.errorf("%s with a foreign {%s} in the path and one's own as %s: %s", rt.Pattern, name, alias, got.short())
				} else if a, b := got.text(w.without()), none.text(w.without()); a != b {
					w.errorf("%s tells a foreign {%s} from one that does not exist: got\n%s\nand\n%s", rt.Pattern, name, a, b)
				}
			}
		}
	}
}

// massAssignment sends what nobody asked for, as strong and weak: nobody may be more afterwards than before, and nothing may be
// in another organisation that was not there.
func massAssignment(w *World) {
	strong := string(w.most())
	extra := []string{
		`"root":true`, `"is_admin":true`, `"admin":true`, `"role":"` + strong + `"`, `"roles":["` + strong + `"]`,
		`"Roles":["` + strong + `"]`, `"org":"` + string(w.Foreign) + `"`, `"org_id":"` + string(w.Foreign) + `"`, `"status":"active"`,
	}
	for _, p := range []*Person{w.As(string(w.most())), w.As(string(w.least())), w.strongest(w.Home)} {
		for _, rt := range w.Host.Routes {
			if rt.safe() || rt.mediaType() != typeJSON || !strings.HasPrefix(rt.Body, "{") {
				continue
			}
			for _, field := range extra {
				key, _, _ := strings.Cut(field, ":")
				if strings.Contains(strings.ToLower(rt.Body), strings.ToLower(key)) {
					continue // the route asks for it
				}
				before := w.census()
				more := rt
				more.Body = "{" + field + "," + strings.TrimPrefix(strings.TrimSpace(rt.Body), "{")
				a := p.ask(more, nil)
				if change := w.census().beyond(before); change != "" {
					w.errorf("%s as %s, with %s: %s, and %s", rt.Pattern, p.Name, field, a.short(), change)
					return
				}
			}
		}
	}
}

// census is what people are.
type census map[policy.AccountID]iam.Account

func (w *World) census() census {
	w.tb.Helper()
	all := make(census)
	for _, org := range []policy.OrgID{w.Home, w.Foreign} {
		for _, a := range must(w.system(org).Accounts(w.ctx(), iam.AccountQuery{Limit: 1000}))(w.tb) {
			all[a.ID] = a
		}
	}
	return all
}

// beyond says who has more than before; "" when nobody has.
func (c census) beyond(before census) string {
	for id, now := range c {
		was, there := before[id]
		switch {
		case there && (was.Root != now.Root || was.Org != now.Org):
			return "the account " + string(id) + " is root, or elsewhere"
		case there && slices.ContainsFunc(now.Roles, func(r policy.Role) bool { return !was.HasRole(r) }):
			return "the account " + string(id) + " has other roles"
		case there && was.Status != now.Status && now.Status == iam.Active:
			return "the account " + string(id) + " is active"
		case !there && now.Root:
			return "there is another root"
		}
	}
	return ""
}

// noSession sends what a session's cookie must not be taken for.
func noSession(w *World) {
	good := w.strongest(w.Home).signedIn().cookie
	for _, value := range []string{
		"", "null", "undefined", "true", "0", "' OR '1'='1", "%", "*", "admin", string(w.places[w.Home].root), good[0].Value + "x", strings.ToUpper(good[0].Value),
	} {
		forged := session{}
		for _, c := range good {
			forged = append(forged, &http.Cookie{Name: c.Name, Value: url.PathEscape(value)})
		}
		for _, rt := range w.Host.Routes {
			r := w.requestOf(rt, nil)
			forged.on(r)
			if a := w.send(r); !rt.Public && !a.refused() && value != good[0].Value {
				w.errorf("%s takes %q for a session: %s", rt.Pattern, value, a.short())
				return
			}
		}
	}
}

func halfSession(w *World) { w.turnedAway(Half) }

// overAccount asks as whom the host must not know any more. Who is disabled and deleted was signed in before.
func overAccount(w *World) { w.turnedAway(Pending, Disabled, Deleted) }

func (w *World) turnedAway(names ...string) {
	w.tb.Helper()
	for _, name := range names {
		p := w.As(name)
		for _, rt := range w.Host.Routes {
			if a := p.ask(rt, nil); !rt.Public && !a.refused() {
				w.errorf("%s does not turn %s away: %s", rt.Pattern, name, a.short())
			}
		}
	}
}

// secretsInAnswers reads everything that the strongest account may read.
func secretsInAnswers(w *World) {
	p := w.strongest(w.Home)
	secrets := map[string]string{"the hash of a password": "$argon2id$", "the secret of a second factor": "otpauth://", "the hash of a password (bcrypt)": "$2a$"}
	if w.Host.SignIn != nil {
		p.learnPassword()
		secrets["a password"] = w.secret.Reveal()
	}
	for _, rt := range w.Host.Routes {
		if !rt.safe() {
			continue
		}
		a := p.ask(rt, nil)
		for what, text := range secrets {
			if strings.Contains(string(a.body), text) {
				w.errorf("%s shows %s", rt.Pattern, what)
			}
		}
		for _, c := range p.cookie {
			if hash := string(iam.ParseToken(c.Value).Hash()); strings.Contains(string(a.body), c.Value) || hash != "" && strings.Contains(string(a.body), hash) {
				w.errorf("%s shows the token of a session, or its hash", rt.Pattern)
			}
		}
	}
}
