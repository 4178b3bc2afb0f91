package policy

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/effector"
	"github.com/casbin/casbin/v2/model"
)

// This file is the only one that knows Casbin, and the only place where our string types become
// strings: a defined string type that is handed to Casbin silently never matches.

// definitions are the parts of the model that the rest of this package relies on.
var definitions = []struct{ section, key, want string }{
	{"r", "r", "sub, org, project, resource, owner, kind, action, attrs"},
	{"p", "p", "role, reach, kind, action, eft, when"},
	{"p", "p2", "granter, role"},
	{"p", "p3", "kind, action, section, title"},
	{"p", "p4", "role, title"},
	{"g", "g", "_, _, _"},
	{"e", "e", "some(where (p.eft == allow)) && !some(where (p.eft == deny))"},
}

// loadModel reads a model and refuses one that the table could not represent.
func loadModel(text string) (model.Model, error) {
	m, err := model.NewModelFromString(text)
	if err != nil {
		return nil, fmt.Errorf("policy: model: %w", err)
	}
	for _, d := range definitions {
		a := m[d.section][d.key]
		if a == nil {
			return nil, fmt.Errorf("policy: model: %s is missing: want %s = %s", d.key, d.key, d.want)
		}
		if strings.ReplaceAll(squeeze(a.Value), "_eft", ".eft") != squeeze(d.want) {
			return nil, fmt.Errorf("policy: model: %s = %s: want %s = %s", d.key, a.Value, d.key, d.want)
		}
	}
	if m["m"]["m"] == nil {
		return nil, errors.New("policy: model: the matcher m is missing")
	}
	return m, nil
}

// collector is a Casbin effector that decides nothing: it notes which rules matched.
type collector struct{ matched []int }

func (c *collector) MergeEffects(_ string, _ []effector.Effect, matches []float64, index, length int) (effector.Effect, int, error) {
	if index == length-1 {
		c.matched = c.matched[:0]
		for i, match := range matches {
			if match != 0 {
				c.matched = append(c.matched, i)
			}
		}
	}
	return effector.Indeterminate, -1, nil
}

// A prober asks Casbin's matcher about made-up subjects, each of which holds one role, at one level or several.
type prober struct {
	*Policy
	enforcer  *casbin.Enforcer
	collector collector
	holds     bool // what every condition answers at the moment
	local     bool
	plain     bool
	summed    map[shape]bool // which rules are known to add up over levels
}

// shape is all that a plain matcher tells rules apart by.
type shape struct {
	reach  Extent
	effect Effect
	always bool
	own    bool
}

const probeOrg, probeProject, probeID = "probe", "probe", "probe"

func (p *Policy) newProber(roles []Role) (*prober, error) {
	m, err := loadModel(p.config.Model)
	if err != nil {
		return nil, err
	}
	matcher := m["m"]["m"].Value
	if err := p.checkMatcher(matcher); err != nil {
		return nil, err
	}
	pr := &prober{Policy: p, local: local(matcher), plain: plain(matcher), summed: make(map[shape]bool)}
	if pr.enforcer, err = casbin.NewEnforcer(m); err != nil {
		return nil, fmt.Errorf("policy: model: %w", err)
	}
	pr.enforcer.SetEffector(&pr.collector)
	pr.enforcer.AddFunction("holds", func(args ...any) (any, error) {
		return pr.holds || args[0] == Always, nil
	})
	links := make([][]string, 0, len(roles)*int(levels))
	for _, role := range roles {
		for at := range allLevels {
			for l := range levels {
				if at.has(l) {
					links = append(links, []string{probeSubject(role, at), string(role), probePlace(l).String()})
				}
			}
		}
	}
	for _, link := range links {
		if err := pr.enforcer.GetRoleManager().AddLink(link[0], link[1], link[2]); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	return pr, nil
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

// fill asks Casbin for every cell of the roles, and lays the answers out in their tables.
func (p *Policy) fill(roles []Role) error {
	pr, err := p.newProber(roles)
	if err != nil {
		return err
	}
	for _, role := range roles {
		groups := make(map[permissionKey][]int32)
		for _, ri := range p.roles[role].rules {
			key := permissionKey{p.rules[ri].Kind, p.rules[ri].Action}
			groups[key] = append(groups[key], ri)
		}
		table := make([][]entry, len(p.permissions))
		for pi, info := range p.permissions {
			rules := p.roles[role].rules
			if pr.local {
				rules = groups[info.permissionKey]
			}
			if table[pi], err = pr.entries(role, info.permissionKey, rules); err != nil {
				return err
			}
		}
		p.roles[role].set(table)
	}
	return nil
}

// entries asks which of the rules match for a holder of the role, in every situation.
func (pr *prober) entries(role Role, key permissionKey, rules []int32) ([]entry, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	pr.load(rules)
	where := make([]situationSet, len(rules))   // with every condition true
	without := make([]situationSet, len(rules)) // with every condition false
	conditional := slices.ContainsFunc(rules, func(ri int32) bool { return pr.rules[ri].Condition != Always })
	for _, own := range []bool{false, true} {
		pr.holds = true
		if nobody, err := pr.ask("account:nobody", key, own); err != nil {
			return nil, err
		} else if len(nobody) > 0 {
			return nil, fmt.Errorf("policy: model: the matcher lets a subject without any role match the rule %q", pr.rules[rules[nobody[0]]])
		}
		for l := range levels {
			pr.holds = true
			if err := pr.note(where, role, l, key, own); err != nil {
				return nil, err
			}
			if !conditional {
				continue
			}
			pr.holds = false
			if err := pr.note(without, role, l, key, own); err != nil {
				return nil, err
			}
		}
	}
	if !conditional {
		without = where
	}
	for _, own := range []bool{false, true} {
		if err := pr.checkSums(rules, where, without, role, key, own); err != nil {
			return nil, err
		}
	}
	return pr.makeEntries(rules, where, without)
}

// note adds the situation to each rule that matches in it.
func (pr *prober) note(where []situationSet, role Role, l level, key permissionKey, own bool) error {
	matched, err := pr.ask(probeSubject(role, 1<<l), key, own)
	for _, i := range matched {
		where[i] |= situationOf(l, own).set()
	}
	return err
}

// checkSums refuses a matcher by which holding a role at two levels is something else than holding
// it at each of them. Under a plain matcher, rules of one shape need to be asked once.
func (pr *prober) checkSums(rules []int32, where, without []situationSet, role Role, key permissionKey, own bool) error {
	known := pr.plain
	for _, ri := range rules {
		r := &pr.rules[ri]
		s := shape{r.Reach, r.Effect, r.Condition == Always, own}
		known = known && pr.summed[s]
		pr.summed[s] = true
	}
	if known {
		return nil
	}
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
		for round, found := range [][]situationSet{where, without} {
			pr.holds = round == 0
			matched, err := pr.ask(probeSubject(role, at), key, own)
			if err != nil {
				return err
			}
			for i, ri := range rules {
				if slices.Contains(matched, i) != (found[i]&single != 0) {
					return fmt.Errorf("policy: model: the matcher lets the rule %q depend on several places at once: "+
						"what a role gives where it is held must not change with where else it is held", pr.rules[ri])
				}
			}
		}
	}
	return nil
}

// makeEntries tells from the two rounds which rules depend on their condition.
func (pr *prober) makeEntries(rules []int32, where, without []situationSet) ([]entry, error) {
	var entries []entry
	for i, ri := range rules {
		r := pr.rules[ri]
		e := entry{rule: ri, denies: r.Effect == Deny, where: where[i]}
		switch {
		case without[i] == where[i]:
		case without[i] == 0 && r.Condition != Always:
			e.condition = pr.condition(r.Condition)
		default:
			return nil, fmt.Errorf("policy: model: the matcher must demand the condition of the rule %q wherever it matches, or nowhere", r)
		}
		if e.where != 0 {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// load makes the rules the only ones that the enforcer has.
func (pr *prober) load(rules []int32) {
	rows := make([][]string, len(rules))
	for i, ri := range rules {
		rows[i] = pr.rules[ri].fields()
	}
	pr.enforcer.GetModel()["p"]["p"].Policy = rows
}

// ask returns the loaded rules that match for the subject, as indexes of what was loaded.
func (pr *prober) ask(subject string, key permissionKey, own bool) ([]int, error) {
	owner := "account:somebody else"
	if own {
		owner = subject
	}
	_, err := pr.enforcer.Enforce(subject,
		probePlace(levelOrg).String(), probePlace(levelProject).String(), probePlace(levelResource).String(),
		owner, string(key.kind), string(key.action), map[string]string{})
	if err != nil {
		return nil, fmt.Errorf("policy: model: the matcher fails: %w", err)
	}
	return pr.collector.matched, nil
}

// Holds is the function holds(when, attrs, effect) that model.conf asks for a rule's condition. A
// stock Casbin gets it with AddFunction("holds", policy.Holds(conditions...)). It answers an error
// for a name that is none of the conditions, so that Casbin denies.
func Holds(conditions ...Condition) func(args ...any) (any, error) {
	byName := make(map[string]*Condition, len(conditions))
	for i := range conditions {
		byName[conditions[i].Name] = &conditions[i]
	}
	return func(args ...any) (any, error) {
		if len(args) != 3 {
			return nil, fmt.Errorf("holds: got %d arguments: want when, attrs, effect", len(args))
		}
		name, _ := args[0].(string)
		given, _ := args[1].(map[string]string)
		effect, _ := args[2].(string)
		c := byName[name]
		if name == Always {
			return true, nil
		}
		if c == nil {
			return nil, fmt.Errorf("holds: unknown condition %q", name)
		}
		var attrs *attr
		for name, value := range given {
			attrs = &attr{name: name, value: value, next: attrs}
		}
		return c.ask(attrs).matches(Effect(effect) == Deny), nil
	}
}

// Request is what a stock Casbin enforcer with our model.conf is asked: Enforce(Request(…)...).
func Request(subject AccountID, action Action, r Resource) []any {
	var org, project, resource string
	if r.Org != "" {
		org = AtOrg(r.Org).String()
	}
	if org != "" && r.Project != "" {
		project = AtProject(r.Org, r.Project).String()
	}
	if org != "" && r.ID != "" {
		resource = AtResource(r.Org, r.Kind, r.ID).String()
	}
	return []any{subjectKey(subject), org, project, resource, subjectKey(r.Owner), string(r.Kind), string(action), r.Attrs()}
}

// Enforcer returns a new Casbin enforcer with the same model, rules and conditions, in which the
// holders have what they hold: Enforce(Request(…)...) gives the answers of [Holder.Can]. It is for
// comparing, and for hosts with Casbin tooling; it is slower, and as safe for concurrent use as
// Casbin's own. Grants that end later do not end in it.
func (p *Policy) Enforcer(holders ...*Holder) (*casbin.Enforcer, error) {
	m, err := loadModel(p.config.Model)
	if err != nil {
		return nil, err
	}
	for _, r := range p.rules {
		if err := m.AddPolicy("p", "p", r.fields()); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	e.AddFunction("holds", Holds(p.config.Conditions...))
	granted := make(map[Permission]bool)
	for _, h := range holders {
		for _, g := range h.Effective() {
			role := string(g.Role)
			if g.Permission != "" {
				role = "permission:" + string(g.Permission)
				if !granted[g.Permission] {
					granted[g.Permission] = true
					if err := p.addDirect(m, role, g.Permission); err != nil {
						return nil, err
					}
				}
			}
			if _, err := e.AddGroupingPolicy(subjectKey(h.id), role, g.At.String()); err != nil {
				return nil, fmt.Errorf("policy: %w", err)
			}
		}
	}
	return e, nil
}

// addDirect writes the rows of a role that holds a single permission.
func (p *Policy) addDirect(m model.Model, role string, name Permission) error {
	pi, _ := p.permission(name)
	for _, e := range p.direct[pi].entries {
		when := Always
		if e.condition != nil {
			when = e.condition.Name
		}
		row := []string{role, string(ReachOrg), string(name.Kind()), string(name.Action()), string(Allow), when}
		if err := m.AddPolicy("p", "p", row); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
	}
	return nil
}
