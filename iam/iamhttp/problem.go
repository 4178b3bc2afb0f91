package iamhttp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Error answers a request with the status of an error, and writes a record to the log. Call it
// before anything else was written; [Guard.Handler], [RequireItem] and the like do so by themselves.
//
//	400  *json.SyntaxError and *json.UnmarshalTypeError, but of GET and HEAD, which have no body
//	401  ErrNoAccount, with the headers WWW-Authenticate
//	403  iam.ErrForbidden
//	404  iam.ErrNotFound, and iam.ErrForbidden on what the subject may not see: the same answer
//	409  iam.ErrExists, iam.ErrConflict, iam.ErrRoot, iam.ErrLastAdministrator, iam.ErrHolds, iam.ErrQuota
//	413  *http.MaxBytesError
//	422  iam.ErrInvalid
//	429  iam.ErrThrottled, with the header Retry-After when the error says until when
//	499  the client has gone: the request's context is canceled; no body
//	503  ErrUnavailable, an exceeded deadline, a decision without the facts to decide by
//	500  everything else
//
// A [StatusError] says itself which. An error of JSON is taken for one of the request's body: that of
// other JSON, such as another service's, is to be hidden in a StatusError, or behind a %v.
//
// The body is application/problem+json: type, title, status, and request_id if the host has one.
// The answers 400, 409, 413 and 422 are about the caller's own input and add a detail, and the field
// of an [iam.FieldError] or of the JSON. But for what the caller sent and what a StatusError says, no
// body names a role, rule, grant, reason or id. Headers that describe the answer that the handler had
// in mind, such as ETag and Content-Disposition, are taken back. Time is not made equal: to decide,
// to log and to record what is hidden takes longer than a look-up in vain.
//
// A refusal of the policy to a subject that Load has loaded is recorded in the audit log of its
// organisation too, unless Config.LogOnly: see [iam.Service.RecordDenial]. Where that fails, the
// answer stays the same, and a second record of level Error says so.
//
// The record has the status, the reason, the error, who asked, and the request's method and pattern:
// not its path, which may carry a token (SB-22). A refusal of the policy adds action, kind, place and
// id of the resource, whether it is hidden, and the rule and grant that decided. What would help is
// not in it: support asks [iam.Service.Explain], and the decision for its Remedies. The level is
// Error for 5xx and for mistakes of the host such as an unknown permission, Warn for other refusals
// of the policy, and Info for the rest. Values that others chose stand in attributes only, which
// slog's handlers quote (SB-84).
func (g *Guard) Error(w http.ResponseWriter, r *http.Request, err error) {
	a := answerTo(err)
	if a.reason == unexpected {
		if body, ok := answerToBody(r, err); ok {
			a = body
		}
	}
	g.refuse(w, r, "", a, err)
}

// refuse gives the answer to an error, if it is not too late for one. The account is one that is not
// in the context yet.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, account policy.AccountID, a answer, err error) {
	late := begun(w)
	gone := errors.Is(r.Context().Err(), context.Canceled)
	if gone && (late || errors.Is(err, context.Canceled)) { // a late error is mostly that of writing to it
		a = answer{status: statusClientGone, reason: "canceled"}
	}
	var requestID string
	if g.config.RequestID != nil {
		requestID = g.config.RequestID(r)
	}
	if late {
		g.log(r, "iamhttp: request failed after its answer had begun", account, requestID, a, err)
		g.audit(r, requestID, err)
		return
	}
	g.log(r, "iamhttp: request refused", account, requestID, a, err)
	g.audit(r, requestID, err)
	if !a.until.IsZero() {
		w.Header().Set("Retry-After", secondsTo(a.until, g.svc.Now()))
	}
	a.write(w, g.config.Challenges, requestID)
}

// statusClientGone is what nginx logs for a client that closed the connection. It reaches nobody,
// and keeps the 200 that net/http would assume out of access logs.
const statusClientGone = 499

// An answer is what an error looks like from the outside, and its reason for the log.
type answer struct {
	status        int
	reason        string
	detail, field string
	until         time.Time // of 429
}

// unexpected is the reason of an error that nothing is known about.
const unexpected = "error"

// answerTo asks for the most guarded answer first, for errors that are several things at once.
func answerTo(err error) answer {
	var forbidden *iam.ForbiddenError
	var status *StatusError
	var tooLarge *http.MaxBytesError
	var field *iam.FieldError
	var throttled *iam.ThrottledError
	switch {
	case errors.Is(err, errNotLoaded):
		return answer{status: http.StatusInternalServerError, reason: "not_loaded"}
	case errors.Is(err, errWrongKind), errors.Is(err, errNoPlace):
		return answer{status: http.StatusInternalServerError, reason: "wrong_kind"}
	case errors.As(err, &forbidden):
		return answer{status: statusOf(forbidden), reason: reasonOf(forbidden)}
	case errors.As(err, &status):
		return status.answer()
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return answer{status: http.StatusServiceUnavailable, reason: "unavailable"}
	case errors.As(err, &throttled):
		return answer{status: http.StatusTooManyRequests, reason: "throttled", until: throttled.Until}
	case errors.Is(err, iam.ErrThrottled):
		return answer{status: http.StatusTooManyRequests, reason: "throttled"}
	case errors.Is(err, ErrNoAccount):
		return answer{status: http.StatusUnauthorized, reason: "no_account"}
	case errors.Is(err, iam.ErrForbidden):
		return answer{status: http.StatusForbidden, reason: "forbidden"}
	case errors.Is(err, iam.ErrNotFound):
		return answer{status: http.StatusNotFound, reason: "not_found"}
	case errors.As(err, &tooLarge):
		return answer{status: http.StatusRequestEntityTooLarge, reason: "too_large", detail: fmt.Sprintf("at most %d bytes", tooLarge.Limit)}
	case errors.As(err, &field):
		a := answer{status: http.StatusUnprocessableEntity, reason: "invalid", detail: field.Problem, field: field.Field}
		for _, c := range conflicts {
			if errors.Is(err, c.err) {
				a.status, a.reason = http.StatusConflict, c.reason
				break
			}
		}
		return a
	case errors.Is(err, iam.ErrInvalid):
		return answer{status: http.StatusUnprocessableEntity, reason: "invalid"}
	}
	for _, c := range conflicts {
		if errors.Is(err, c.err) {
			return answer{status: http.StatusConflict, reason: c.reason, detail: c.detail}
		}
	}
	return answer{status: http.StatusInternalServerError, reason: unexpected}
}

// secondsTo is a time to wait as Retry-After says it: whole seconds, and one at least.
func secondsTo(until, now time.Time) string {
	return strconv.FormatInt(max(1, int64((until.Sub(now)+time.Second-1)/time.Second)), 10)
}

// conflicts are what the rules of accounts' lives refuse to somebody who may manage them: the
// caller is told which, and may tell people.
var conflicts = [...]struct {
	err            error
	reason, detail string
}{
	{iam.ErrExists, "exists", "there is one already"},
	{iam.ErrConflict, "conflict", "it was changed meanwhile: read it again and repeat"},
	{iam.ErrRoot, "root", "this account cannot be changed this way"},
	{iam.ErrLastAdministrator, "last_administrator", "nobody would be left to manage the organization"},
	{iam.ErrHolds, "holds", "the account still holds resources"},
	{iam.ErrQuota, "quota", "a quota would be exceeded"},
}

func statusOf(e *iam.ForbiddenError) int {
	switch {
	case e.Decision.Reason == policy.Unavailable:
		return http.StatusServiceUnavailable
	case e.Hidden:
		return http.StatusNotFound
	default:
		return http.StatusForbidden
	}
}

func reasonOf(e *iam.ForbiddenError) string {
	switch {
	case e.Ceiling != nil:
		return "ceiling"
	case e.Decision.Reason == policy.NoSubject && e.Decision.Action == "":
		return "forbidden" // about managing others: there is no decision
	default:
		return e.Decision.Reason.String()
	}
}

// problem is the body (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Field     string `json:"field,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// describing are the headers of the answer that the handler had in mind.
var describing = [...]string{
	"Accept-Ranges", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Location",
	"Content-Range", "Etag", "Expires", "Last-Modified", "Link", "Location",
}

func (a answer) write(w http.ResponseWriter, challenges []string, requestID string) {
	header := w.Header()
	for _, name := range describing {
		header.Del(name)
	}
	header.Set("Cache-Control", "no-store")
	if a.status == statusClientGone {
		w.WriteHeader(a.status)
		return
	}
	if a.status == http.StatusUnauthorized {
		header.Del("WWW-Authenticate")
		for _, challenge := range challenges {
			header.Add("WWW-Authenticate", challenge)
		}
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.status)
	// Marshal cannot fail on strings, and a failing Write means that the client has gone.
	body, _ := json.Marshal(problem{"about:blank", http.StatusText(a.status), a.status, a.detail, a.field, requestID})
	_, _ = w.Write(body)
}
