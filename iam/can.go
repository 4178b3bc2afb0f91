package iam

import (
	"cmp"
	"context"
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// Can reports whether the subject may do the action to the resource. It is pure and allocates
// nothing: call it as often as a page has buttons.
func (s *Service) Can(sub Subject, action policy.Action, r policy.Resource) bool {
	return sub.holder.Can(action, r)
}

// Authorize returns nil when the subject may, and a [*ForbiddenError] otherwise: the guard of a handler.
func (s *Service) Authorize(sub Subject, action policy.Action, r policy.Resource) error {
	return authorize(sub.holder, action, r)
}

func authorize(h *policy.Holder, action policy.Action, r policy.Resource) error {
	if h.Can(action, r) {
		return nil
	}
	return &ForbiddenError{Decision: h.Decide(action, r), Hidden: !h.Sees(r)}
}

// Explain answers as Can does, and says why: for logs and for support.
func (s *Service) Explain(sub Subject, action policy.Action, r policy.Resource) policy.Decision {
	return sub.holder.Decide(action, r)
}

// Reach returns the resources of a kind on which the subject may do the action, as data that
// narrows a list in SQL: see store.InReach.
func (s *Service) Reach(sub Subject, action policy.Action, kind policy.Kind) policy.Reach {
	return sub.holder.Reach(action, kind)
}

// Permissions returns everything that the subject may do around a resource, whatever its kind: what
// a console needs to draw a page. Mostly it is asked of a project: kind.In(org, project).
func (s *Service) Permissions(sub Subject, around policy.Resource) []policy.Permission {
	return sub.holder.Permissions(around)
}

// Resourcer is a thing of the host's that is a resource.
type Resourcer interface{ Resource() policy.Resource }

// Filter returns those of the items on which the subject may do the action, in their order. For
// long lists narrow the query by Reach instead.
func Filter[T Resourcer](sub Subject, action policy.Action, items []T) []T {
	var kept []T
	for _, item := range items {
		if sub.holder.Can(action, item.Resource()) {
			kept = append(kept, item)
		}
	}
	return kept
}

// WhoCan returns a decision for every active account that may do the action to the resource, in the
// order of their ids: who, by which rule and through which grant.
func (s *Service) WhoCan(ctx context.Context, action policy.Action, r policy.Resource) ([]policy.Decision, error) {
	if r.Org == "" || !s.Policy().Knows(r.Kind, action) {
		return nil, nil
	}
	roles := s.Policy().RolesThatAllow(action, r.Kind)
	q := CandidateQuery{
		OrgRoles:     roles.Org,
		Project:      r.Project,
		ProjectRoles: roles.Project,
		Grants:       true,
		Place:        placeOf(r),
	}
	records, err := s.store.Candidates(ctx, r.Org, q)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var can []policy.Decision
	for i := range records {
		sub := s.subject(&records[i], now)
		if d := s.Explain(sub, action, r); d.Allowed() {
			can = append(can, d)
		}
	}
	slices.SortFunc(can, func(a, b policy.Decision) int { return cmp.Compare(a.Subject, b.Subject) })
	return can, nil
}

// placeOf returns the narrowest place that the resource lies in.
func placeOf(r policy.Resource) policy.Place {
	switch {
	case r.ID != "":
		return policy.AtResource(r.Org, r.Kind, r.ID)
	case r.Project != "":
		return policy.AtProject(r.Org, r.Project)
	default:
		return policy.AtOrg(r.Org)
	}
}
