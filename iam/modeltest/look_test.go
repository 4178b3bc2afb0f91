package modeltest_test

import (
	"strconv"

	"github.com/castellan-iam/castellan/iam"
)

// look holds what must be so behind everything against the rows: what was refused has changed nothing, what is done
// in one organisation changes nothing in the other, and no row crosses from one to the other.
func (s *sequence) look(name string, next move, before dump) {
	s.Helper()
	got := class(next.err)
	for _, o := range s.m.orgs {
		if mine := next.org == nil || next.org == o; mine && next.writes() {
			continue
		}
		if was, is := before.text(o), s.rows.text(o); was != is {
			s.fail("%s: %s, and %s has changed:\n%s", name, got, o.nick, difference(was, is))
		}
	}
	for _, o := range s.m.orgs {
		if next.org == nil || next.org == o {
			s.lookInto(o, name, got, before)
		}
	}
}

func (s *sequence) lookInto(o *org, name, got string, before dump) {
	s.Helper()
	s.apart(o)
	s.oneRoot(o)
	s.oneInvitation(o)
	s.withinQuotas(o)
	s.verify(o)
	if was, is := before.revision(o), s.rows.revision(o); got == done && is <= was && before.text(o) != s.rows.text(o) && decides(before, s.rows, o) {
		s.fail("%s has changed what decides, and the revision is %d as before", name, is)
	}
}

// deciding are the tables that decide what an account may do: whoever keeps an answer knows by the revision
// whether it still holds.
var deciding = []string{"iam_account_roles", "iam_bindings", "iam_grants", "iam_projects", "iam_holdings", "iam_quotas"}

func decides(before, after dump, o *org) bool {
	some := func(d dump) string {
		kept := dump{}
		for _, table := range deciding {
			kept[table] = d[table]
		}
		for _, a := range d.of(o, "iam_accounts") {
			kept["iam_accounts"] = append(kept["iam_accounts"], map[string]string{"org_id": a["org_id"], "id": a["id"], "status": a["status"], "root": a["root_key"]})
		}
		return kept.text(o)
	}
	return some(before) != some(after)
}

func (d dump) revision(o *org) int {
	for _, row := range d.of(o, "iam_organizations") {
		return number(row["revision"])
	}
	return 0
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// apart wants no row of the organisation to name an account of the other one (SB-67, SB-68).
func (s *sequence) apart(o *org) {
	s.Helper()
	for _, other := range s.m.orgs {
		if other == o {
			continue
		}
		foreign := map[string]string{}
		for _, a := range append(other.accounts, other.gone...) {
			foreign[string(a.id)] = a.nick
		}
		for table, columns := range accountColumns {
			for _, row := range s.rows.of(o, table) {
				for _, column := range columns {
					if nick := foreign[row[column]]; nick != "" && row[column] != "" {
						s.fail("a row of %s in %s names %s of %s as %s", table, o.nick, nick, other.nick, column)
					}
				}
			}
		}
	}
}

// oneRoot wants the organisation to have the one root that it has, active and with root's role (E2, D1), and some
// administrator where one must stay (SB-65).
func (s *sequence) oneRoot(o *org) {
	s.Helper()
	var roots []string
	administrators, had := 0, false
	roles := map[string][]string{}
	for _, row := range s.rows.of(o, "iam_account_roles") {
		roles[row["account_id"]] = append(roles[row["account_id"]], row["role"])
	}
	for _, row := range s.rows.of(o, "iam_accounts") {
		if row["root_key"] != "" {
			roots = append(roots, row["id"])
			if row["status"] != string(iam.Active) || len(roles[row["id"]]) != 1 || roles[row["id"]][0] != string(s.m.book.root) {
				s.fail("root is %s and holds %v", row["status"], roles[row["id"]])
			}
		}
		for _, role := range s.m.book.administrators {
			for _, mine := range roles[row["id"]] {
				if mine == string(role) && row["status"] == string(iam.Active) {
					administrators++
				}
			}
		}
	}
	for _, a := range o.accounts {
		had = had || s.m.isAdministrator(a.status, a.roles)
	}
	want := 0
	if o.rootAccount() != nil {
		want = 1
	}
	if len(roots) != want || had && administrators == 0 {
		s.fail("%s has %d root accounts, want %d, and %d administrators", o.nick, len(roots), want, administrators)
	}
}

// oneInvitation wants one invitation at most to wait at an address (SB-92).
func (s *sequence) oneInvitation(o *org) {
	s.Helper()
	waits := map[string]bool{}
	for _, row := range s.rows["iam_invitations"] {
		if row["accepted"] != never || row["org_id"] != string(o.id) && !s.m.book.everywhere {
			continue
		}
		if waits[row["email"]] {
			s.fail("two invitations wait at %s", row["email"])
		}
		waits[row["email"]] = true
	}
}

// withinQuotas wants no account to hold and to have given more than it may (D5).
func (s *sequence) withinQuotas(o *org) {
	s.Helper()
	if !s.m.book.quotas {
		return
	}
	most, used, root := map[string]int{}, map[string]int{}, ""
	for _, row := range s.rows.of(o, "iam_quotas") {
		most[row["account_id"]] = number(row["most"])
	}
	for _, row := range s.rows.of(o, "iam_holdings") {
		used[row["account_id"]]++
	}
	accounts := s.rows.of(o, "iam_accounts")
	for _, row := range accounts {
		if row["root_key"] != "" {
			root = row["id"]
		}
	}
	for _, row := range accounts {
		parent := row["created_by"]
		if parent == "" {
			parent = root
		}
		if row["id"] != root {
			used[parent] += most[row["id"]]
		}
	}
	for _, row := range accounts {
		limit, limited := most[row["id"]]
		if (limited || row["id"] != root) && used[row["id"]] > limit {
			s.fail("%s holds and has given %d of %d", row["id"], used[row["id"]], limit)
		}
	}
}
