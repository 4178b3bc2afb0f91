package modeltest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// check reads an organisation back, and wants it to be what the model says; and whoever is not active to have no
// access, by whatever path (SB-38, SB-71).
func (s *sequence) check(o *org) {
	s.Helper()
	if got, want := s.actual(o), s.expected(o); got != want {
		s.fail("%s is not what the model says (- is the model's):\n%s", o.nick, difference(want, got))
	}
	s.decisions(o)
	s.paths(o)
	if got, want := s.logs[o].String(), s.summary(o); got != want {
		s.fail("the events tell another story of %s (- is the events'):\n%s", o.nick, difference(got, want))
	}
}

func when(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return ago(at)
}

// expected writes down what the model has, one fact a line.
func (s *sequence) expected(o *org) string {
	lines := []string{fmt.Sprintf("organization %q second factor required: %t", o.name, o.required)}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for id, open := range o.projects {
		add("project %s open: %t", id, open)
	}
	for id, holder := range o.held {
		add("held %s by %s", id, holder.nick)
	}
	if o.server != nil {
		add("mail server %s %q", o.server.host, o.server.user)
	}
	if offer := s.m.openOffer(o); offer != nil {
		add("offer by %s to %s until %s", offer.from.nick, offer.to.nick, when(offer.expires))
	}
	for _, a := range o.accounts {
		add("%s: root: %t, %s, %v, %s, %q, below %s, was active: %t", a.nick, a.root, a.status, a.roles, local(a.email), a.name, a.above.first(), a.wasActive)
		for b := range a.bindings {
			add("%s: bound as %s to %s", a.nick, b.role, b.project)
		}
		for _, g := range a.grants {
			add("%s: granted %s", a.nick, s.stored(o, g.held))
		}
		if s.m.book.quotas {
			add("%s: most %d, used %d", a.nick, limit(a), s.m.used(a))
		}
		if i := a.invitation; i != nil {
			add("%s: invited by %s, sent %s, until %s, renewed %d, accepted: %t", a.nick, i.by.first(), when(i.renewed), when(i.expires), i.renewals, i.accepted)
		}
		if c := a.change; c != nil {
			add("%s: to be at %s, old %t, new %t, asked by %s, until %s", a.nick, local(c.email), c.oldDone, c.newDone, c.by.first(), when(c.expires))
		}
		add("%s: password: %t, must change: %t, second factor: %t, enrolling: %t, codes: %d", a.nick, a.password != "", a.mustChange, a.secret != "", a.enrolling != "", len(a.codes))
		for _, x := range a.sessions {
			if s.m.lives(x) {
				add("%s: session %s, factor: %t, made %s, seen %s, fresh %s, until %s", a.nick, x.stage, x.factor, when(x.created), when(x.seen), when(x.fresh), when(x.expire))
			}
		}
		for _, k := range a.keys {
			add("%s: key for %s until %s", a.nick, scopeText(k.scope), when(k.expires))
		}
		for _, l := range s.m.links {
			if l.to == a && s.m.alive(l, l.purpose) {
				add("%s: link for %s at %s until %s", a.nick, l.purpose, local(l.email), when(l.expires))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func limit(a *account) int {
	if a.unlimited {
		return iam.Unlimited
	}
	return a.most
}

// actual writes down the same of what is there. Grants get their ids from it.
func (s *sequence) actual(o *org) string {
	s.Helper()
	ctx, system := s.ctx(), s.svc.System("the model").In(o.id)
	nicks := map[policy.AccountID]string{"": "nobody"}
	known := map[policy.AccountID]*account{}
	for _, a := range slices.Concat(o.accounts, o.gone) {
		nicks[a.id] = a.nick
		known[a.id] = a
	}
	is := have(s, system.Organization)
	lines := []string{fmt.Sprintf("organization %q second factor required: %t", is.Name, is.SecondFactor == iam.SecondFactorRequired)}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, p := range have(s, system.Projects) {
		add("project %s open: %t", p.ID, p.Open)
	}
	held, err := system.Holdings(ctx, iam.HoldingQuery{})
	s.must(err)
	for _, h := range held {
		add("held %s by %s", h.ID, nicks[h.Account])
	}
	if server, err := system.MailServer(ctx); class(err) != notFound {
		s.must(err)
		add("mail server %s %q", server.Host, server.Username)
	}
	if offer, err := system.RootOffer(ctx); class(err) != notFound {
		s.must(err)
		add("offer by %s to %s until %s", nicks[offer.From], nicks[offer.To], when(offer.Expires))
	}
	invitations, err := system.Invitations(ctx, iam.InvitationQuery{})
	s.must(err)
	for _, i := range invitations {
		add("%s: invited by %s, sent %s, until %s, renewed %d, accepted: %t", nicks[i.Account], nicks[i.By], when(i.Renewed), when(i.Expires), i.Renewals, !i.Accepted.IsZero())
	}
	keys, err := system.APIKeys(ctx, iam.APIKeyQuery{})
	s.must(err)
	for _, k := range keys {
		add("%s: key for %s until %s", nicks[k.Account], scopeText(k.Scope), when(k.Expires))
	}
	for _, row := range s.rows.of(o, "iam_email_changes") {
		add("%s: to be at %s, old %t, new %t, asked by %s, until %s", nicks[policy.AccountID(row["account_id"])], local(row["email"]),
			row["old_done"] != "0", row["new_done"] != "0", nicks[policy.AccountID(row["asked_by"])], when(millis(row["expires"])))
	}
	for _, row := range s.rows.of(o, "iam_tokens") {
		if row["used"] == never && s.now.Before(millis(row["expires"])) {
			add("%s: link for %s at %s until %s", nicks[policy.AccountID(row["account_id"])], row["purpose"], local(row["email"]), when(millis(row["expires"])))
		}
	}
	accounts, err := system.Accounts(ctx, iam.AccountQuery{})
	s.must(err)
	for _, a := range accounts {
		nick := nicks[a.ID]
		add("%s: root: %t, %s, %v, %s, %q, below %s, was active: %t", nick, a.Root, a.Status, a.Roles, local(string(a.Email)), a.Name, nicks[a.CreatedBy], !a.Activated.IsZero())
		bindings, err := s.st.Bindings(ctx, o.id, a.ID)
		s.must(err)
		for _, b := range bindings {
			add("%s: bound as %s to %s", nick, b.Role, b.Project)
		}
		grants, err := s.st.Grants(ctx, o.id, a.ID)
		s.must(err)
		s.identify(known[a.ID], grants)
		for _, g := range grants {
			add("%s: granted %s", nick, g.Grant)
		}
		if s.m.book.quotas {
			quotas, err := system.Quotas(ctx, a.ID)
			s.must(err)
			add("%s: most %d, used %d", nick, quotas[0].Most, quotas[0].Held+quotas[0].Given)
		}
		c, err := s.st.Credential(ctx, o.id, a.ID)
		s.must(err)
		add("%s: password: %t, must change: %t, second factor: %t, enrolling: %t, codes: %d", nick, c.Password != "", c.MustChange, c.Secret != "", c.Enrolling != "", c.CodesLeft)
		sessions, err := s.st.Sessions(ctx, o.id, a.ID, s.now)
		s.must(err)
		for _, x := range sessions {
			add("%s: session %s, factor: %t, made %s, seen %s, fresh %s, until %s", nick, x.Stage, x.SecondFactor, when(x.Created), when(x.Seen), when(x.Fresh), when(x.Expires))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// identify gives the model's grants the ids of those that are there, each once.
func (s *sequence) identify(a *account, grants []iam.Grant) {
	if a == nil {
		return
	}
	free := slices.Clone(grants)
	for _, g := range a.grants {
		i := slices.IndexFunc(free, func(there iam.Grant) bool { return there.Grant.String() == s.stored(a.org, g.held).String() })
		if i >= 0 {
			g.id = policy.AccountID(free[i].ID)
			free = slices.Delete(free, i, i+1)
		}
	}
}

func millis(text string) time.Time { return time.UnixMilli(int64(number(text))).UTC() }

// paths tries each session and each key that there ever was, but those that are long over.
func (s *sequence) paths(o *org) {
	s.Helper()
	for _, a := range slices.Concat(o.accounts, o.gone) {
		for _, x := range a.sessions[max(0, len(a.sessions)-4):] {
			want := s.m.isFresh(x)
			if want == "" {
				want = done
			}
			if err := s.in.Fresh(s.ctx(), x.token); class(err) != want {
				s.fail("a session of %s (%s): got %v, and the model says %s", a.nick, a.status, err, want)
			}
		}
		for _, k := range slices.Concat(a.keys, a.lost) {
			if k.works(s.now) {
				continue // it is used when somebody acts by it
			}
			s.peers++
			if _, _, err := s.in.Key(s.from(1+s.peers%250), k.secret); class(err) != "no key" {
				s.fail("a key of %s (%s): got %v, and the model says that it opens nothing", a.nick, a.status, err)
			}
		}
	}
}

// summary is what the events must come to.
func (s *sequence) summary(o *org) string {
	l := newLog()
	for _, a := range o.accounts {
		roles := make([]string, len(a.roles))
		for i, r := range a.roles {
			roles[i] = string(r)
		}
		id := string(a.id)
		l.accounts[id] = map[string]string{"status": string(a.status), "roles": strings.Join(roles, " "), "email": a.email, "name": a.name}
		for b := range a.bindings {
			l.bound[[3]string{id, string(b.project), string(b.role)}] = true
		}
		for _, g := range a.grants {
			l.granted[[2]string{id, s.stored(o, g.held).String()}]++
		}
		if s.m.book.quotas && !(a.unlimited || a.most == 0) {
			l.most[id] = fmt.Sprint(a.most)
		}
	}
	for id, open := range o.projects {
		l.open[string(id)] = fmt.Sprint(open)
	}
	for _, id := range slices.Sorted(maps.Keys(o.held)) {
		l.held[id] = string(o.held[id].id)
	}
	return l.String()
}

// have calls what needs no parameters.
func have[T any](s *sequence, call func(context.Context) (T, error)) T {
	value, err := call(s.ctx())
	s.must(err)
	return value
}
