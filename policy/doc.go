// Package policy decides: may this subject do this to that resource, and why.
//
// The rules are Casbin's: model.conf and a CSV, in which each row is one permission of one role.
// [Load] reads the CSV strictly and asks Casbin's matcher what its rules give, wherever a role may be
// held (rules that the matcher cannot tell apart are asked for once); from then on an answer is looked up. The table says what Casbin would say, for every
// request: [Policy.Enforcer] hands out the same rules as a Casbin enforcer, and the tests hold both
// against each other.
//
// Most hosts need two calls, and package iam makes the first one for them:
//
//	h := p.Holder(policy.HolderParams{ID: account, Org: org, Grants: grants})
//	d := h.Decide(action, resource)      // or h.Can, for the answer alone
//
// The words are the same everywhere. A [Role] is a named bundle of permissions. A [Permission] is a
// [Kind] of resource and an [Action]. A [Resource] lies in an organisation and mostly in a project. A
// [Grant] is a role or a single permission held at a [Place]. A [Reach] is where all of it leads. A [Scope]
// takes away from it, for who acts by less than everything that they hold: see [Holder.Within].
//
// # The CSV
//
//	p4, project_user, Project User                                   a role
//	p2, administrator, project_user                                  who may give which role
//	p3, deployment, rename, Deployment, Change deployment's name     a permission, and where the matrix shows it
//	p, project_user, project, deployment, rename, allow, always      a rule: role, reach, kind, action, effect, condition
//
// The reach says how far a rule goes. With org it holds wherever the role is held. With project it
// needs the role to be held in the resource's project: holding it in the organisation alone gives
// nothing (E5). With own it needs the subject to own the resource. Read only is view without
// manage. A missing row is a denial; a row with the effect deny overrides every allow.
//
// Everything in this package is a value or immutable, and safe for concurrent use. Code that decides
// does no I/O, looks at no clock and returns no error: what cannot be decided is denied, with a
// [Reason] of its own.
package policy
