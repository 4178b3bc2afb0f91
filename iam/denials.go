package iam

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// refused writes the audit event of a refusal in a transaction of its own, since that of the change
// is gone (SB-80). The refusal stays one if it cannot be written.
func (a Actor) refused(ctx context.Context, need policy.Permission, err error) error {
	var forbidden *ForbiddenError
	if err == nil || a.svc == nil || a.org == "" || !errors.As(err, &forbidden) {
		return err
	}
	if failed := a.deny(ctx, need, forbidden); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// deny writes the event of a refusal, and marks the refusal with it.
func (a Actor) deny(ctx context.Context, need policy.Permission, forbidden *ForbiddenError) error {
	now := a.svc.now()
	r := forbidden.Decision.Resource
	denied := a.signs(Event{Type: AuthorizationDenied, Outcome: Refused, Target: cut(r.ID)}, ctx)
	for _, fact := range [...]FieldChange{
		changed("permission", "", string(need)), changed("project", "", cut(string(r.Project))), changed("why", "", cut(forbidden.Facts())),
	} {
		if fact.After != "" {
			denied.Changes = append(denied.Changes, fact)
		}
	}
	var written Event
	err := a.svc.store.WriteAside(ctx, a.org, func(tx Tx) (err error) {
		written, err = a.svc.appended(ctx, tx, denied, now)
		return err
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return nil // there is no such organisation, and so no log
	case err != nil:
		return err
	}
	forbidden.event = &written
	return nil
}

// RecordDenial writes into the audit log that the host refused something to the subject, by what
// [Service.Authorize] returned (SB-80). It is one transaction on the subject's organisation. Package
// iamhttp calls it for its handlers.
//
// It does nothing when err is no refusal of a policy, and when nobody is known: a stranger has no
// organisation. What an Actor refuses, the Actor has recorded itself; it is written again only where a
// transaction of the host's took that event back. A refusal about a resource of another organisation
// is for the host's log alone: to the outside that resource does not exist, and an event would tell the
// readers of this log that it does (SB-67).
func (s *Service) RecordDenial(ctx context.Context, sub Subject, err error) error {
	if sub.ID() == "" || sub.Org() == "" || !errors.Is(err, ErrForbidden) {
		return nil
	}
	refusal := &ForbiddenError{Decision: policy.Decision{Subject: sub.ID()}, Detail: "the host said so"}
	errors.As(err, &refusal)
	d := refusal.Decision
	if d.Reason == policy.Unavailable || d.Resource.Org != "" && d.Resource.Org != sub.Org() {
		return nil
	}
	if there, err := s.holds(ctx, refusal.event); there || err != nil {
		return err
	}
	var need policy.Permission
	if d.Action != "" {
		need = policy.Permission(cut(string(policy.NewPermission(d.Resource.Kind, d.Action))))
	}
	own := *refusal // the host may keep its error for ever
	return s.As(sub).deny(ctx, need, &own)
}

// holds reports whether the event is in its log.
func (s *Service) holds(ctx context.Context, e *Event) (bool, error) {
	if e == nil {
		return false, nil
	}
	q := EventQuery{Ascending: true, After: EventPosition{e.Revision, e.Ordinal - 1}, Limit: 1}
	found, err := s.store.Events(ctx, e.Org, q)
	return len(found) == 1 && found[0].Hash == e.Hash, err
}
