package policy

import (
	"fmt"
	"math/bits"
	"slices"
)

// A prober finds out what each rule gives, by asking Casbin's matcher about made-up subjects, each
// of which holds one role, at one level or several.
type prober struct {
	*asker
	policy *Policy
	local  bool
	plain  bool
	known  map[shape]entry // under a plain matcher: what was asked before
	linked map[Role]bool
}

// shape is all that a plain matcher tells rules apart by.
type shape struct {
	reach  Extent
	effect Effect
	always bool
}

const probeOrg, probeProject, probeID = "probe", "probe", "probe"

func (p *Policy) newProber() (*prober, error) {
	a, err := newAsker(p.config.Model)
	if err != nil {
		return nil, err
	}
	if err := p.checkMatcher(a.matcher); err != nil {
		return nil, err
	}
	return &prober{
		asker: a, policy: p, local: local(a.matcher), plain: plain(a.matcher),
		known: make(map[shape]entry), linked: make(map[Role]bool),
	}, nil
}

// levelSet has a bit for each level.
type levelSet uint8

const allLevels = levelSet(1) << levels

func (s levelSet) has(l level) bool { return s&(1<<l) != 0 }

func probeSubject(role Role, at levelSet) string { return fmt.Sprintf("account:%d:%s", at, role) }

func probePlace(l level) Place {
	switch l {
	case levelResource:
		return AtResource(probeOrg, "probe", probeID)
	case levelProject:
		return AtProject(probeOrg, probeProject)
	default:
		return AtOrg(probeOrg)
	}
}

// fill lays the answers about the roles out in their tables.
func (p *Policy) fill(roles []Role) error {
	pr, err := p.newProber()
	if err != nil {
		return err
	}
	for _, role := range roles {
		t := p.roles[role]
		table, err := pr.table(role, p.rulesOf(t))
		if err != nil {
			return err
		}
		for _, entries := range table {
			for i := range entries {
				entries[i].rule = t.rules[entries[i].rule]
			}
		}
		t.set(table)
	}
	return nil
}

// fillDirect does the same for the grants of a single permission.
func (p *Policy) fillDirect() error {
	pr, err := p.newProber()
	if err != nil {
		return err
	}
	p.direct = make([]*roleTable, len(p.permissions))
	for pi, info := range p.permissions {
		table, err := pr.table(directRole(info.permission()), p.directRules(int32(pi)))
		if err != nil {
			return err
		}
		for _, entries := range table {
			for i := range entries {
				entries[i].rule = noRule
			}
		}
		p.direct[pi] = &roleTable{direct: true}
		if pr.local {
			p.direct[pi].base, table = int32(pi), table[pi:pi+1]
		}
		p.direct[pi].set(table)
	}
	return nil
}

// table asks, for each permission, which of the role's rules match for a holder of the role.
func (pr *prober) table(role Role, rules []Rule) ([][]entry, error) {
	table := make([][]entry, len(pr.policy.permissions))
	if !pr.local {
		for pi, info := range pr.policy.permissions {
			entries, err := pr.entries(role, info.permissionKey, rules)
			if err != nil {
				return nil, err
			}
			table[pi] = entries
		}
		return table, nil
	}
	for i, r := range rules {
		e, err := pr.single(r)
		if err != nil {
			return nil, err
		}
		if e.where != 0 {
			e.rule = int32(i)
			pi, _ := pr.policy.index.find(r.Kind, r.Action)
			table[pi] = append(table[pi], e)
		}
	}
	return table, nil
}

// single asks about a rule on its own: a local matcher looks at no other. A plain one tells rules
// apart by their shape only, so that each shape is asked once.
func (pr *prober) single(r Rule) (entry, error) {
	s := shape{r.Reach, r.Effect, r.Condition == Always}
	if e, ok := pr.known[s]; ok && pr.plain {
		if e.condition != nil {
			e.condition = pr.policy.condition(r.Condition)
		}
		return e, nil
	}
	entries, err := pr.entries(r.Role, permissionKey{r.Kind, r.Action}, []Rule{r})
	var e entry
	if len(entries) > 0 {
		e = entries[0]
	}
	if err == nil {
		pr.known[s] = e
	}
	return e, err
}

// entries asks which of the rules match for a holder of the role, in every situation.
func (pr *prober) entries(role Role, key permissionKey, rules []Rule) ([]entry, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	if err := pr.hold(role); err != nil {
		return nil, err
	}
	pr.load(rules)
	where := make([]situationSet, len(rules))   // with every condition true
	without := make([]situationSet, len(rules)) // with every condition false
	for _, own := range []bool{false, true} {
		pr.holds = true
		if nobody, err := pr.matched("account:nobody", key, own); err != nil {
			return nil, err
		} else if len(nobody) > 0 {
			return nil, fmt.Errorf("policy: model: the matcher lets a subject without any role match the rule %q", rules[nobody[0]])
		}
		for l := range levels {
			for _, round := range [][]situationSet{where, without} {
				pr.holds = &round[0] == &where[0]
				matched, err := pr.matched(probeSubject(role, 1<<l), key, own)
				if err != nil {
					return nil, err
				}
				for _, i := range matched {
					round[i] |= situationOf(l, own).set()
				}
			}
		}
		for _, round := range [][]situationSet{where, without} {
			pr.holds = &round[0] == &where[0]
			if err := pr.checkSums(rules, round, role, key, own); err != nil {
				return nil, err
			}
		}
	}
	return pr.makeEntries(rules, where, without)
}

// hold lets the role's made-up subjects hold it.
func (pr *prober) hold(role Role) error {
	if pr.linked[role] {
		return nil
	}
	pr.linked[role] = true
	for at := range allLevels {
		for l := range levels {
			if !at.has(l) {
				continue
			}
			if err := pr.link(probeSubject(role, at), role, probePlace(l)); err != nil {
				return fmt.Errorf("policy: %w", err)
			}
		}
	}
	return nil
}

// matched asks about a resource that lies in every place at which a made-up subject holds its role.
func (pr *prober) matched(subject string, key permissionKey, own bool) ([]int, error) {
	owner := "account:somebody else"
	if own {
		owner = subject
	}
	return pr.ask(subject, owner, key, probePlace(levelOrg), probePlace(levelProject), probePlace(levelResource))
}

// checkSums refuses a matcher by which holding a role at two levels is something else than holding
// it at each of them.
func (pr *prober) checkSums(rules []Rule, found []situationSet, role Role, key permissionKey, own bool) error {
	for at := range allLevels {
		if bits.OnesCount8(uint8(at)) < 2 {
			continue // these were asked one by one
		}
		var single situationSet
		for l := range levels {
			if at.has(l) {
				single |= situationOf(l, own).set()
			}
		}
		matched, err := pr.matched(probeSubject(role, at), key, own)
		if err != nil {
			return err
		}
		for i, r := range rules {
			if slices.Contains(matched, i) != (found[i]&single != 0) {
				return fmt.Errorf("policy: model: the matcher lets the rule %q depend on several places at once: "+
					"what a role gives where it is held must not change with where else it is held", r)
			}
		}
	}
	return nil
}

// makeEntries tells from the two rounds which rules depend on their condition. The rule of an entry
// is its index among the rules.
func (pr *prober) makeEntries(rules []Rule, where, without []situationSet) ([]entry, error) {
	var entries []entry
	for i, r := range rules {
		e := entry{rule: int32(i), denies: r.Effect == Deny, where: where[i]}
		switch {
		case without[i] == where[i]:
		case without[i] == 0 && r.Condition != Always:
			e.condition = pr.policy.condition(r.Condition)
		default:
			return nil, fmt.Errorf("policy: model: the matcher must demand the condition of the rule %q wherever it matches, or nowhere", r)
		}
		if e.where != 0 {
			entries = append(entries, e)
		}
	}
	return entries, nil
}
