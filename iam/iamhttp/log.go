package iamhttp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// log writes the record of a refusal.
func (g *Guard) log(r *http.Request, message string, account policy.AccountID, requestID string, a answer, err error) {
	logger := g.logger()
	var forbidden *iam.ForbiddenError
	errors.As(err, &forbidden)
	level := levelOf(a, forbidden)
	if !logger.Enabled(r.Context(), level) {
		return
	}
	sub := iam.FromContext(r.Context())
	rec := record{slog.Int("status", a.status), slog.String("reason", a.reason), slog.Any("error", err)}
	rec.add("subject", string(cmp.Or(account, refused(forbidden), sub.ID())))
	rec.add("org", string(sub.Org()))
	rec.add("api_key", string(sub.Key()))
	if forbidden != nil {
		rec.addFacts(forbidden)
	}
	var request record
	request.add("method", r.Method)
	request.add("pattern", r.Pattern)
	request.add("id", requestID)
	rec = append(rec, slog.Attr{Key: "request", Value: slog.GroupValue(request...)})
	logger.LogAttrs(r.Context(), level, message, rec...)
}

func (g *Guard) logger() *slog.Logger {
	if g.config.Logger != nil {
		return g.config.Logger
	}
	return slog.Default()
}

// levelOf is how much a refusal matters to whoever runs the host.
func levelOf(a answer, forbidden *iam.ForbiddenError) slog.Level {
	switch {
	case a.status >= http.StatusInternalServerError:
		return slog.LevelError
	case a.status == statusClientGone:
		return slog.LevelDebug
	case forbidden == nil && a.status == http.StatusForbidden:
		return slog.LevelWarn
	case forbidden == nil:
		return slog.LevelInfo
	}
	switch d := forbidden.Decision; d.Reason {
	case policy.NoOrganization, policy.UnknownKind, policy.UnknownAction:
		return slog.LevelError // no account could ever do this
	case policy.NoSubject:
		if d.Action != "" {
			return slog.LevelError // decided without a subject
		}
	}
	return slog.LevelWarn
}

// record collects attributes. Those without a value are left out.
type record []slog.Attr

func (rec *record) add(key, value string) {
	if value != "" {
		*rec = append(*rec, slog.String(key, value))
	}
}

// refused is who was refused, if the refusal says so. A handler may decide for another than who asks.
func refused(e *iam.ForbiddenError) policy.AccountID {
	switch {
	case e == nil:
		return ""
	case e.Ceiling != nil:
		return e.Ceiling.Giver
	default:
		return e.Decision.Subject
	}
}

// addFacts adds what the policy knows of a refusal. One about managing others has no decision.
func (rec *record) addFacts(e *iam.ForbiddenError) {
	d := e.Decision
	if e.Ceiling != nil {
		rec.add("facts", e.Facts())
		rec.add("grant", e.Ceiling.Grant.String())
		return
	}
	rec.add("facts", e.Facts())
	if d.Action == "" {
		return
	}
	rec.add("action", string(d.Action))
	rec.add("kind", string(d.Resource.Kind))
	rec.add("resource_org", string(d.Resource.Org))
	rec.add("project", string(d.Resource.Project))
	rec.add("resource", d.Resource.ID)
	if d.Rule != (policy.Rule{}) {
		rec.add("rule", fmt.Sprintf("%s:%d", d.Rule.File, d.Rule.Line))
	}
	if !d.Grant.IsZero() {
		rec.add("grant", d.Grant.String())
	}
	*rec = append(*rec, slog.Bool("hidden", e.Hidden))
}
