package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// This file reads the text of a matcher, as Casbin has escaped it: r.kind is r_kind. What the text
// does not show is found out by asking: see prober.

var (
	literal = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	// What a matcher may do with the request, besides comparing its kind and action: ask for the
	// rule's own role, at one of three places; ask who owns the resource; ask for the rule's condition.
	askable = regexp.MustCompile(`\bg\(r_sub,p_role,r_(org|project|resource)\)|\b(r_owner[!=]=r_sub|r_sub[!=]=r_owner)\b|\bholds\(p_when,r_attrs,p_eft\)`)
	foreign = regexp.MustCompile(`\br_(sub|org|project|resource|owner|attrs)\b|\b(g|holds|eval)\(`)
)

// checkMatcher refuses a matcher that looks at what the table has no cells for: a certain account
// or project, another role than the rule's own, what somebody else holds.
func (p *Policy) checkMatcher(matcher string) error {
	names := []string{Always, string(Allow), string(Deny), string(ReachOrg), string(ReachProject), string(ReachOwn)}
	for _, role := range p.roleOrder {
		names = append(names, string(role))
	}
	for _, info := range p.permissions {
		names = append(names, string(info.kind), string(info.action))
	}
	for _, quoted := range literal.FindAllString(matcher, -1) {
		if !slices.Contains(names, quoted[1:len(quoted)-1]) {
			return fmt.Errorf("policy: model: the matcher names %s: it may compare with roles, reaches, kinds and actions of the policy only", quoted)
		}
	}
	if rest := askable.ReplaceAllString(squeeze(matcher), ""); foreign.MatchString(rest) {
		return fmt.Errorf("policy: model: the matcher uses %s in a way that the table cannot represent: besides r.kind and r.action, it may ask "+
			"g(r.sub, p.role, …) with r.org, r.project or r.resource, r.owner == r.sub, and holds(p.when, r.attrs, p.eft)", foreign.FindString(rest))
	}
	return nil
}

// squeeze removes all blanks.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// local reports whether the matcher ties a rule to its own kind and action, so that each rule needs
// to be asked about these alone. A matcher that does not is asked about everything.
func local(matcher string) bool {
	parts := conjuncts(matcher)
	return slices.Contains(parts, "r_kind==p_kind") && slices.Contains(parts, "r_action==p_action")
}

var (
	told    = regexp.MustCompile(`\br_kind==p_kind\b|\br_action==p_action\b|\bp_when==["']always["']`)
	telling = regexp.MustCompile(`\b(r_kind|p_kind|r_action|p_action|p_role|p_when)\b`)
)

// plain reports whether a local matcher treats all roles, kinds, actions and conditions alike.
func plain(matcher string) bool {
	rest := told.ReplaceAllString(askable.ReplaceAllString(squeeze(matcher), ""), "")
	return local(matcher) && !telling.MatchString(rest)
}

// conjuncts splits a matcher at the && that stand outside of parentheses; nil when an || does too.
func conjuncts(matcher string) []string {
	s := squeeze(matcher)
	var parts []string
	depth, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(s[i:], "||"), s[i] == '?':
			return nil
		case depth == 0 && strings.HasPrefix(s[i:], "&&"):
			parts = append(parts, s[start:i])
			start = i + 2
		}
	}
	return append(parts, s[start:])
}
