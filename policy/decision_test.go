package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// Each reason reads as a sentence that names the facts, for the log and for support.
func TestDecisionsReadAsSentences(t *testing.T) {
	t.Parallel()
	p := platform(t)
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	d1 := policy.Kind("deployment").In("acme", "p1").Named("d1")
	linking := policy.Kind("deployment.cluster_linking").In("acme", "p1")
	ann := p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Now: now, Grants: []policy.Grant{
		policy.GrantRole("project_user", p1), policy.GrantPermission("ticket:view", acme),
		policy.GrantPermission("deployment.gateway:view", p1), policy.GrantPermission("audit_log:view", acme).Until(now),
	}})
	inactive := p.Holder(policy.HolderParams{ID: "bob", Org: "acme", Inactive: true})
	denied := p2Denied(t)
	tests := []struct {
		want     policy.Reason
		decision policy.Decision
		sentence string
	}{
		{policy.Allowed, ann.Decide("rename", d1), "ann may deployment:rename: by ../policy.csv:LINE, holding project_user at org/acme/project/p1"},
		{policy.Allowed, ann.Decide("view", policy.Kind("ticket").Of("acme")), "ann may ticket:view: by a grant of the permission itself, holding ticket:view at org/acme"},
		{policy.NoSubject, (*policy.Holder)(nil).Decide("view", d1), "nobody may not deployment:view: there is no subject"},
		{policy.Inactive, inactive.Decide("view", d1), "bob may not deployment:view: the account is not active"},
		{policy.NoOrganization, ann.Decide("view", policy.Kind("deployment").Of("")), "ann may not deployment:view: the resource names no organisation"},
		{policy.OtherOrganization, ann.Decide("view", policy.Kind("deployment").Of("globex")), `ann may not deployment:view: the resource belongs to organisation "globex"`},
		{policy.UnknownKind, ann.Decide("view", policy.Kind("rocket").Of("acme")), `ann may not rocket:view: the policy declares no kind "rocket"`},
		{policy.UnknownAction, ann.Decide("launch", d1), `ann may not deployment:launch: the policy declares no action "launch" for deployment`},
		{policy.DeniedByRule, denied, "ann may not file:edit: denied by testdata/deny.csv:LINE, holding suspended at org/acme"},
		{policy.ConditionNotMet, ann.Decide("view", linking),
			"ann may not deployment.cluster_linking:view: ../policy.csv:LINE allows it only under the condition premium (plan), which does not hold; holding project_user at org/acme/project/p1"},
		{policy.ConditionNotMet, holding(p, policy.GrantPermission("deployment.gateway:view", p1)).Decide("view", policy.Kind("deployment.gateway").In("acme", "p1")),
			"ann may not deployment.gateway:view: a grant of the permission itself allows it only under the condition of the permission, which does not hold; holding deployment.gateway:view at org/acme/project/p1"},
		{policy.Expired, ann.Decide("view", policy.Kind("audit_log").Of("acme")), "ann may not audit_log:view: audit_log:view at org/acme until 2026-01-02T00:00:00Z has ended"},
		{policy.ReadOnly, ann.Decide("delete", d1), "ann may not deployment:delete: read only, by ../policy.csv:LINE, holding project_user at org/acme/project/p1"},
		{policy.NoGrant, ann.Decide("manage", policy.Kind("api_key").Of("acme")), "ann may not api_key:manage: nothing that it holds there allows it"},
		{policy.OutOfScope, ann.Within(policy.Scope{AllProjects: true}).Decide("rename", d1),
			"ann may not deployment:rename: the scope to which it is narrowed does not reach that; without it, allowed by ../policy.csv:LINE, holding project_user at org/acme/project/p1"},
		{policy.Unavailable, policy.Decision{Reason: policy.Unavailable, Subject: "ann", Action: "view", Resource: d1}, "ann may not deployment:view: the facts to decide by could not be read"},
	}
	said := make(map[policy.Reason]bool)
	for _, tt := range tests {
		said[tt.want] = true
		if tt.decision.Reason != tt.want {
			t.Errorf("got %s, want %s: %s", tt.decision.Reason, tt.want, tt.decision)
		}
		line := fmt.Sprint(":", tt.decision.Rule.Line)
		if got, want := tt.decision.String(), strings.ReplaceAll(tt.sentence, ":LINE", line); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.want, got, want)
		}
	}
	for reason := policy.Reason(0); reason.String() != "invalid_reason"; reason++ {
		if !said[reason] {
			t.Errorf("no sentence for %s", reason)
		}
	}
}

// p2Denied is a decision by a rule with the effect deny.
func p2Denied(t *testing.T) policy.Decision {
	h := holding(denying().load(t), policy.GrantRole("suspended", acme), policy.GrantRole("owner", acme))
	return h.Decide("edit", policy.Kind("file").Of("acme"))
}

// A decision carries what was asked, the rule that decided, and what it was reached through.
func TestDecisionsCarryTheFacts(t *testing.T) {
	t.Parallel()
	h := holding(platform(t), policy.GrantRole("auditor", acme), policy.GrantRole("project_user", p1))
	r := policy.Kind("deployment.tls").In("acme", "p1").Named("d1")
	d := h.Decide("manage", r)
	if d.Subject != "ann" || d.Action != "manage" || d.Resource != r {
		t.Errorf("the question is lost: %+v", d)
	}
	if d.Rule.Role != "project_user" || d.Rule.Permission() != "deployment.tls:manage" || d.Grant != policy.GrantRole("project_user", p1) {
		t.Errorf("got %s through %s", d.Rule, d.Grant)
	}
	if want := "p, project_user, project, deployment.tls, manage, allow, always"; d.Rule.String() != want {
		t.Errorf("the rule prints as %q, want %q", d.Rule, want)
	}
	// The line is the one in the file.
	lines := strings.Split(string(fileOf(t, "../policy.csv")), "\n")
	if got := lines[d.Rule.Line-1]; got != d.Rule.String() {
		t.Errorf("line %d of the file is %q, want %q", d.Rule.Line, got, d.Rule)
	}
}

// SB-84: whatever an id holds, a decision stays one line of plain text.
func TestDecisionsStayOnOneLine(t *testing.T) {
	t.Parallel()
	evil := "x\r\n2026 ann may everything \x1b[31m\u202e"
	for _, h := range []*policy.Holder{
		nil,
		platform(t).Holder(policy.HolderParams{ID: policy.AccountID(evil), Org: "acme", Grants: []policy.Grant{
			policy.GrantRole("auditor", acme), policy.GrantRole("project_user", policy.AtProject("acme", policy.ProjectID(evil))),
		}}),
		platform(t).Holder(policy.HolderParams{ID: policy.AccountID(evil), Org: policy.OrgID(evil)}),
	} {
		for _, kind := range []policy.Kind{"deployment", policy.Kind(evil)} {
			for _, action := range []policy.Action{"view", "rename", "delete", policy.Action(evil)} {
				for _, org := range []policy.OrgID{"acme", policy.OrgID(evil)} {
					text := h.Decide(action, kind.In(org, policy.ProjectID(evil)).Named(evil).OwnedBy(policy.AccountID(evil))).String()
					if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\u202e' || r == '\u007f' }) {
						t.Errorf("got %q", text)
					}
				}
			}
		}
		if err := h.MayGrant(policy.GrantRole(policy.Role(evil), policy.AtOrg(policy.OrgID(evil)))); strings.ContainsAny(err.Error(), "\r\n\x1b") {
			t.Errorf("MayGrant: %q", err)
		}
	}
}
