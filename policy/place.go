package policy

import (
	"net/url"
)

// Place is where a grant holds: a whole organisation, one of its projects, or one resource.
// The zero Place is nowhere.
type Place struct {
	Org     OrgID
	Project ProjectID // set for a project
	Kind    Kind      // set, with ID, for one resource: always a base kind, see [Kind.Base]
	ID      string
}

// AtOrg is the whole organisation.
func AtOrg(org OrgID) Place { return Place{Org: org} }

// AtProject is one project of the organisation.
func AtProject(org OrgID, project ProjectID) Place { return Place{Org: org, Project: project} }

// AtResource is one resource with its facets. A grant on it goes with it wherever it moves within
// its organisation: to ask whether something may move into a project, ask about that project
// without the id.
func AtResource(org OrgID, kind Kind, id string) Place {
	return Place{Org: org, Kind: kind.Base(), ID: id}
}

// level orders places by how narrow they are.
type level uint8

const (
	levelOrg level = iota
	levelProject
	levelResource
	levels
)

func (p Place) level() level {
	switch {
	case p.ID != "":
		return levelResource
	case p.Project != "":
		return levelProject
	default:
		return levelOrg
	}
}

// Valid reports whether the place names an organisation, and a resource by both kind and id or by neither.
func (p Place) Valid() bool {
	if p.Org == "" || (p.Kind == "") != (p.ID == "") {
		return false
	}
	return p.ID == "" || p.Project == "" && p.Kind == p.Kind.Base()
}

// Contains reports whether the resource lies in the place.
func (p Place) Contains(r Resource) bool {
	if p.Org == "" || p.Org != r.Org {
		return false
	}
	switch p.level() {
	case levelResource:
		return r.ID == p.ID && r.Kind.Base() == p.Kind
	case levelProject:
		return r.Project == p.Project
	default:
		return true
	}
}

// String writes the place as the Casbin model does, each id in URL query escaping, so that no id
// can be taken for another whatever its bytes are:
//
//	org/acme    org/acme/project/p1    org/acme/resource/deployment/d1
func (p Place) String() string {
	if p.Org == "" {
		return ""
	}
	s := "org/" + url.QueryEscape(string(p.Org))
	switch p.level() {
	case levelResource:
		s += "/resource/" + url.QueryEscape(string(p.Kind)) + "/" + url.QueryEscape(p.ID)
	case levelProject:
		s += "/project/" + url.QueryEscape(string(p.Project))
	}
	return s
}

// subjectKey is an account's name in Casbin: a role's name never holds a colon, so that an
// account whose id is a role's name cannot be taken for that role.
func subjectKey(id AccountID) string {
	if id == "" {
		return ""
	}
	return "account:" + url.QueryEscape(string(id))
}
