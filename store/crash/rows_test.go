package crash_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
)

// row is any row that is read here: at most six texts.
type row struct{ A, B, C, D, E, F string }

// rowsOf reads what there is in an organisation from its rows.
func rowsOf(ctx context.Context, db *gorm.DB, org policy.OrgID) (facts, error) {
	now := facts{}
	count := func(name string) { now[name] = fmt.Sprint(atoi(now[name]) + 1) }
	for _, table := range []struct {
		query string
		fact  func(r row)
	}{
		{"SELECT name AS a FROM iam_organizations WHERE id = ?", func(r row) { now["organization/name"] = r.A }},
		{"SELECT id AS a, status AS b, COALESCE(email, '') AS c, name AS d, CASE WHEN root_key IS NULL THEN '' ELSE 'root' END AS e FROM iam_accounts WHERE org_id = ?", func(r row) {
			about := "account/" + r.A
			now[about+"/status"], now[about+"/email"], now[about+"/name"], now[about+"/roles"] = r.B, r.C, r.D, ""
			if r.E != "" {
				now["organization/root"] += r.A
			}
		}},
		{"SELECT account_id AS a, role AS b FROM iam_account_roles WHERE org_id = ? ORDER BY role", func(r row) {
			about := "account/" + r.A + "/roles"
			now[about] = strings.TrimPrefix(now[about]+" "+r.B, " ")
		}},
		{"SELECT account_id AS a, project_id AS b, role AS c FROM iam_bindings WHERE org_id = ?", func(r row) {
			now["account/"+r.A+"/bound/"+r.B+"/"+r.C] = "yes"
		}},
		{"SELECT account_id AS a, role AS b, permission AS c, project_id AS d, kind AS e, resource_id AS f FROM iam_grants WHERE org_id = ?", func(r row) {
			g := policy.Grant{
				Role: policy.Role(r.B), Permission: policy.Permission(r.C),
				At: policy.Place{Org: org, Project: policy.ProjectID(r.D), Kind: policy.Kind(r.E), ID: r.F},
			}
			count("account/" + r.A + "/grant/" + g.String())
		}},
		{"SELECT account_id AS a, kind AS b, most AS c FROM iam_quotas WHERE org_id = ?", func(r row) { now["account/"+r.A+"/quota/"+r.B] = r.C }},
		{"SELECT account_id AS a, id AS b, stage AS c FROM iam_sessions WHERE org_id = ?", func(r row) { now["account/"+r.A+"/session/"+r.B] = r.C }},
		{"SELECT account_id AS a FROM iam_credentials WHERE org_id = ?", func(r row) { now["account/"+r.A+"/password"] = "set" }},
		{"SELECT account_id AS a, CASE WHEN accepted > 0 THEN 'accepted' ELSE 'open' END AS b FROM iam_invitations WHERE org_id = ?", func(r row) {
			now["account/"+r.A+"/invitation"] = r.B
		}},
		{"SELECT account_id AS a FROM iam_tokens WHERE org_id = ?", func(r row) { count("account/" + r.A + "/links") }},
		{"SELECT id AS a, description AS b FROM iam_api_keys WHERE org_id = ?", func(r row) { now["key/"+r.A] = r.B }},
		{"SELECT id AS a, CASE WHEN open = 1 THEN 'true' ELSE 'false' END AS b FROM iam_projects WHERE org_id = ?", func(r row) { now["project/"+r.A] = r.B }},
		{"SELECT kind AS a, resource_id AS b, account_id AS c FROM iam_holdings WHERE org_id = ?", func(r row) { now["holding/"+r.A+"/"+r.B] = r.C }},
		{"SELECT account_id AS a, template AS b FROM iam_mails WHERE org_id = ?", func(r row) { count("mails/" + r.A + "/" + r.B) }},
		{"SELECT id AS a FROM host_projects WHERE org_id = ?", func(r row) { now["host/"+r.A] = "yes" }},
	} {
		var found []row
		if err := db.WithContext(ctx).Raw(table.query, org).Scan(&found).Error; err != nil {
			return nil, fmt.Errorf("%s: %w", table.query, err)
		}
		for _, r := range found {
			table.fact(r)
		}
	}
	return now, nil
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// difference lists what two accounts of an organisation tell differently.
func difference(left string, a facts, right string, b facts) string {
	var lines []string
	for name := range joinedFacts(a, b) {
		if a[name] != b[name] {
			lines = append(lines, fmt.Sprintf("%s: %q in %s, %q in %s", name, a[name], left, b[name], right))
		}
	}
	slices.Sort(lines)
	if len(lines) > 20 {
		lines = append(lines[:20], fmt.Sprintf("and %d more", len(lines)-20))
	}
	return strings.Join(lines, "\n")
}

func joinedFacts(a, b facts) map[string]bool {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return names
}
