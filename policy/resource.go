package policy

// Resource is what is acted upon. It is a value that a handler makes from a row of its own:
//
//	emqx.Deployment.In(org, project).Named(id).With("plan", "premium")
//
// The library keeps no resources. A Resource without an organisation is always denied.
type Resource struct {
	Kind    Kind
	Org     OrgID
	Project ProjectID // "" for what lies outside of projects, such as a bill
	ID      string    // "" for a whole kind, such as "may I create one here?"
	Owner   AccountID // "" when nobody owns it

	attrs *attr
}

// attr is a link of an immutable list, so that a Resource can be copied and extended freely.
type attr struct {
	name, value string
	next        *attr
}

// Of returns the kind in an organisation, outside of any project.
func (k Kind) Of(org OrgID) Resource { return Resource{Kind: k, Org: org} }

// In returns the kind in a project of an organisation.
func (k Kind) In(org OrgID, project ProjectID) Resource {
	return Resource{Kind: k, Org: org, Project: project}
}

// Named returns the resource with its id.
func (r Resource) Named(id string) Resource {
	r.ID = id
	return r
}

// OwnedBy returns the resource with its owner, for rules of reach own.
func (r Resource) OwnedBy(owner AccountID) Resource {
	r.Owner = owner
	return r
}

// With returns the resource with an attribute, for rules with a condition. A later value of the
// same name replaces an earlier one. An attribute given with an empty value is given.
func (r Resource) With(name, value string) Resource {
	r.attrs = &attr{name: name, value: value, next: r.attrs}
	return r
}

// Attr returns an attribute's value, and whether the host gave it.
func (r Resource) Attr(name string) (value string, given bool) { return r.attrs.get(name) }

func (a *attr) get(name string) (string, bool) {
	for ; a != nil; a = a.next {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

// Attrs returns the attributes as a map, as the Casbin request carries them. It is never nil.
func (r Resource) Attrs() map[string]string {
	m := make(map[string]string)
	for a := r.attrs; a != nil; a = a.next {
		if _, newer := m[a.name]; !newer {
			m[a.name] = a.value
		}
	}
	return m
}

// Resource returns r, so that a Resource is itself a thing that has one.
func (r Resource) Resource() Resource { return r }
