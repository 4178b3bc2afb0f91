package policy

import (
	"errors"
	"fmt"
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

// asker is a Casbin enforcer that is asked which rules match, instead of what follows from it.
type asker struct {
	enforcer  *casbin.Enforcer
	matcher   string
	collector collector
	holds     bool // what every condition answers at the moment
}

func newAsker(text string) (*asker, error) {
	m, err := loadModel(text)
	if err != nil {
		return nil, err
	}
	a := &asker{matcher: m["m"]["m"].Value}
	if a.enforcer, err = casbin.NewEnforcer(m); err != nil {
		return nil, fmt.Errorf("policy: model: %w", err)
	}
	a.enforcer.SetEffector(&a.collector)
	a.enforcer.AddFunction("holds", func(args ...any) (any, error) {
		return a.holds || args[0] == Always, nil
	})
	return a, nil
}

// link lets the subject hold the role at the place.
func (a *asker) link(subject string, role Role, at Place) error {
	return a.enforcer.GetRoleManager().AddLink(subject, string(role), at.String())
}

// load makes the rules the only ones.
func (a *asker) load(rules []Rule) {
	rows := make([][]string, len(rules))
	for i, r := range rules {
		rows[i] = r.fields()
	}
	a.enforcer.GetModel()["p"]["p"].Policy = rows
}

// ask returns the loaded rules that match, as their indexes. The answer holds until the next one.
func (a *asker) ask(subject, owner string, key permissionKey, org, project, resource Place) ([]int, error) {
	_, err := a.enforcer.Enforce(subject, org.String(), project.String(), resource.String(),
		owner, string(key.kind), string(key.action), map[string]string{})
	if err != nil {
		return nil, fmt.Errorf("policy: model: the matcher fails: %w", err)
	}
	return a.collector.matched, nil
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
// Casbin's own. Grants that end later do not end in it. A narrowed holder has nothing there: see
// [Holder.Effective].
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
			role := g.Role
			if g.Permission != "" {
				role = directRole(g.Permission)
				if !granted[g.Permission] {
					granted[g.Permission] = true
					if err := p.addDirect(m, g.Permission); err != nil {
						return nil, err
					}
				}
			}
			if _, err := e.AddGroupingPolicy(subjectKey(h.id), string(role), g.At.String()); err != nil {
				return nil, fmt.Errorf("policy: %w", err)
			}
		}
	}
	return e, nil
}

// addDirect writes the rows of a role that holds a single permission.
func (p *Policy) addDirect(m model.Model, name Permission) error {
	pi, _ := p.permission(name)
	for _, r := range p.directRules(pi) {
		if err := m.AddPolicy("p", "p", r.fields()); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
	}
	return nil
}
