package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Condition is a predicate on a resource's attributes that a rule can name in its column when.
//
// Holds must be pure: the same attributes always give the same answer, on every node. It is asked
// only when the host gave every attribute of Needs, and sees no other. An attribute that was not
// given satisfies nothing: the rule that allows does not match, and the rule that denies does.
// A Holds that panics counts as an attribute that was not given.
type Condition struct {
	// Name is what rules call it: lower case, digits, underscores.
	Name string
	// Needs are the attributes that it reads.
	Needs []string
	// Holds answers for the values of Needs.
	Holds func(values Values) bool

	// oneOf is set for a condition that SQL can ask too: see [OneOf].
	oneOf []string
}

// Values are the attributes that a condition needs, all of them given.
type Values struct {
	attrs *attr
	needs []string
}

// Get returns the value of an attribute that the condition names in its Needs, and "" for every other.
func (v Values) Get(name string) string {
	if !slices.Contains(v.needs, name) {
		return ""
	}
	value, _ := v.attrs.get(name)
	return value
}

// OneOf is the condition that an attribute has one of the values. As it is data and no code, a
// list can be narrowed by it in SQL.
//
//	policy.OneOf("dedicated_or_premium", "plan", "dedicated", "premium")
func OneOf(name, attribute string, values ...string) Condition {
	values = append([]string{}, values...) // not nil, even of none
	return Condition{
		Name:  name,
		Needs: []string{attribute},
		Holds: func(v Values) bool { return slices.Contains(values, v.Get(attribute)) },
		oneOf: values,
	}
}

// OneOf returns the attribute and the values of a condition made by [OneOf], and false for any other.
func (c Condition) OneOf() (attribute string, values []string, ok bool) {
	if c.oneOf == nil {
		return "", nil, false
	}
	return c.Needs[0], slices.Clone(c.oneOf), true
}

func checkConditions(conditions []Condition) error {
	seen := map[string]bool{Always: true}
	for _, c := range conditions {
		switch {
		case !validWord(c.Name):
			return fmt.Errorf("policy: condition %q: a name is lower-case letters, digits and underscores", c.Name)
		case seen[c.Name]:
			return fmt.Errorf("policy: condition %q: the name is taken", c.Name)
		case c.Holds == nil:
			return fmt.Errorf("policy: condition %q: Holds is nil", c.Name)
		case len(c.Needs) == 0 || slices.Contains(c.Needs, ""):
			return fmt.Errorf("policy: condition %q: Needs must name the attributes that it reads", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// truth is the answer of a condition: an attribute may be missing.
type truth uint8

const (
	unknown truth = iota
	isFalse
	isTrue
)

// matches says whether a rule that allows or denies applies: what is unknown never allows and always denies.
func (t truth) matches(denies bool) bool { return t == isTrue || t == unknown && denies }

func (c *Condition) ask(attrs *attr) (answer truth) {
	for _, name := range c.Needs {
		if _, given := attrs.get(name); !given {
			return unknown
		}
	}
	defer func() {
		if recover() != nil {
			answer = unknown
		}
	}()
	if c.Holds(Values{attrs: attrs, needs: c.Needs}) {
		return isTrue
	}
	return isFalse
}

// String says what the condition needs: premium (plan).
func (c Condition) String() string { return c.Name + " (" + strings.Join(c.Needs, ", ") + ")" }
