package iam

import "context"

// EventType says what happened.
type EventType string

// The events that the library writes. A host's own come beside them: see [Actor.Record].
const (
	OrganizationCreated EventType = "organization.created"
	OrganizationUpdated EventType = "organization.updated"
	RootOffered         EventType = "organization.root_offered"
	RootOfferWithdrawn  EventType = "organization.root_offer_withdrawn"
	RootTransferred     EventType = "organization.root_transferred"
	MailServerChanged   EventType = "organization.mail_server_changed"
	MailServerTested    EventType = "organization.mail_server_tested"

	AccountCreated      EventType = "account.created"
	AccountActivated    EventType = "account.activated"
	AccountUpdated      EventType = "account.updated"
	AccountRolesChanged EventType = "account.roles_changed"
	AccountDisabled     EventType = "account.disabled"
	AccountEnabled      EventType = "account.enabled"
	AccountDeleted      EventType = "account.deleted"
	EmailChangeAsked    EventType = "account.email_change_asked"
	EmailChangeDropped  EventType = "account.email_change_dropped"
	EmailConfirmed      EventType = "account.email_confirmed"
	EmailChanged        EventType = "account.email_changed"
	HandedOver          EventType = "account.handed_over"

	InvitationSent     EventType = "invitation.sent"
	InvitationResent   EventType = "invitation.resent"
	InvitationLinked   EventType = "invitation.linked"
	InvitationRevoked  EventType = "invitation.revoked"
	InvitationAccepted EventType = "invitation.accepted"

	ProjectBound     EventType = "project.bound"
	ProjectUnbound   EventType = "project.unbound"
	ProjectOpened    EventType = "project.opened"
	ProjectClosed    EventType = "project.closed"
	ProjectForgotten EventType = "project.forgotten"
	GrantGiven       EventType = "grant.given" // a share of a resource too
	GrantRevoked     EventType = "grant.revoked"

	ResourceClaimed     EventType = "holding.claimed"
	ResourceTransferred EventType = "holding.transferred"
	ResourceReleased    EventType = "holding.released"
	QuotaChanged        EventType = "quota.changed"

	APIKeyCreated EventType = "api_key.created"
	APIKeyUpdated EventType = "api_key.updated"
	APIKeyDeleted EventType = "api_key.deleted"
	APIKeyUsed    EventType = "api_key.used" // in vain: see Outcome

	SignedIn            EventType = "session.signed_in" // or failed to: see Outcome
	SignedOut           EventType = "session.signed_out"
	SessionsEnded       EventType = "session.ended"
	PasswordChanged     EventType = "password.changed"
	PasswordSet         EventType = "password.set" // by somebody else
	PasswordReset       EventType = "password.reset"
	PasswordResetAsked  EventType = "password.reset_asked" // by somebody else
	PasswordResetSent   EventType = "password.reset_sent"
	SecondFactorOn      EventType = "second_factor.on"
	SecondFactorOff     EventType = "second_factor.off"
	SecondFactorReset   EventType = "second_factor.reset" // by somebody else
	RecoveryCodesMade   EventType = "second_factor.codes_made"
	RecoveryCodeUsed    EventType = "second_factor.code_used"
	AccountUnlocked     EventType = "account.unlocked"
	EventsExported      EventType = "events.exported"
	AuthorizationDenied EventType = "authorization.denied"
)

// Events returns a page of the organisation's audit log, the newest first unless the query says
// otherwise (E17).
func (a Actor) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	if err := a.read(ctx, a.rules().Permissions.ReadEvents); err != nil {
		return nil, err
	}
	return a.svc.store.Events(ctx, a.org, q)
}

// record writes the audit event of a change.
func (c *change) record(what EventType, target string, changes ...FieldChange) error {
	return c.append(Event{Type: what, Target: target, Changes: changes})
}

// append completes an event with who acts, when and from where, and writes it.
func (c *change) append(e Event) error {
	return c.svc.append(c.ctx, c.tx, c.Actor.signs(e, c.ctx), c.now)
}

// signs writes into the event who acts, as it stood when the actor was loaded.
func (a Actor) signs(e Event, ctx context.Context) Event {
	origin := OriginOf(ctx)
	e.Actor, e.Email, e.Reason, e.Role = a.sub.ID(), a.sub.Email(), a.reason, cut(joinRoles(a.sub.Roles()))
	switch {
	case a.isSystem():
		e.Role = "system"
	case a.sub.Key() != "":
		e.Role = cut("api key " + string(a.sub.Key()))
	}
	e.Peer, e.Request = origin.peer(), origin.Request
	return e
}
