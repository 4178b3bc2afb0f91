package iam

import "context"

// EventType says what happened.
type EventType string

// The events that the library writes. A host's own come beside them.
const (
	OrganizationCreated EventType = "organization.created"
	AccountCreated      EventType = "account.created"
	AccountActivated    EventType = "account.activated"
	AccountUpdated      EventType = "account.updated"
	AccountRolesChanged EventType = "account.roles_changed"
	AccountDisabled     EventType = "account.disabled"
	AccountEnabled      EventType = "account.enabled"
	AccountDeleted      EventType = "account.deleted"
	ProjectBound        EventType = "project.bound"
	ProjectUnbound      EventType = "project.unbound"
	ProjectOpened       EventType = "project.opened"
	ProjectClosed       EventType = "project.closed"
	ProjectForgotten    EventType = "project.forgotten"
	GrantGiven          EventType = "grant.given"
	GrantRevoked        EventType = "grant.revoked"
)

// Events returns a page of the organisation's audit log, the newest first (E17).
func (a Actor) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	if err := a.read(a.rules().Permissions.ReadEvents); err != nil {
		return nil, err
	}
	return a.svc.store.Events(ctx, a.org, q)
}
