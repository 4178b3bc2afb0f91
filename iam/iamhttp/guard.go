package iamhttp

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Sentinels of this package, for the errors of a host's own functions. Their texts are for the log.
var (
	// ErrNoAccount says that nobody is signed in: 401.
	ErrNoAccount = errors.New("iamhttp: nobody is signed in")
	// ErrUnavailable says that something is away for the moment, such as the database: 503.
	ErrUnavailable = errors.New("iamhttp: unavailable")
)

// Config adjusts a Guard. The zero Config works.
type Config struct {
	// Logger gets a record for each refusal. Defaults to slog.Default(), as it is at that moment.
	Logger *slog.Logger
	// Challenges are the ways to sign in, each a header WWW-Authenticate of a 401, which must have one
	// (RFC 9110, 15.5.2). Defaults to Bearer.
	Challenges []string
	// RequestID returns the id under which the host knows the request: it stands in the log record and,
	// as request_id, in the body. Defaults to no id.
	RequestID func(r *http.Request) string
	// Origin returns where a request came from, for the audit log and for throttling: behind a proxy, the
	// address that this proxy, and nobody else, says in a header (SB-32). A Request that it leaves empty
	// is RequestID's. Defaults to what the context has by [iam.WithOrigin], and else to the address of
	// the connection and the header User-Agent.
	Origin func(r *http.Request) iam.Origin
	// Subject loads who a request is from, in place of the account function, which is not called then and may be
	// nil: for a sign-in that loads the subject with the session, and so that a session may keep what it was opened
	// with (L10). The zero Subject is nobody, and errors are answered as those of the account function. Defaults to
	// loading the account that that function returns.
	Subject func(r *http.Request) (iam.Subject, error)
	// LogOnly keeps refusals out of the organisations' audit logs, where each is recorded before it is
	// answered, by a transaction that waits for the other changes of the organisation. Defaults to
	// recording them (SB-80).
	LogOnly bool
}

// Guard stands in front of handlers. It is immutable and safe for concurrent use.
type Guard struct {
	svc     *iam.Service
	account func(r *http.Request) (policy.AccountID, error)
	config  Config
}

// New returns a guard that asks the service. The account function is the host's own sign-in: it
// returns the account that a request's session or token belongs to, and "" for none. An error that
// is [ErrNoAccount] or [iam.ErrNotFound] is none too, with its text for the log, and a [StatusError]
// is answered as it says. Any other is answered as [Guard.Error] does, but with 503 in place of 500,
// and of the 400 for JSON: what is read here is the host's own.
//
// A sign-in that has loaded the subject, such as that of package signinhttp, is Config.Subject instead, and
// the account function may be nil then.
//
// Here, in Load and in the functions for single handlers, an argument that is nil panics: a host
// learns of it when it starts, as it does from http.ServeMux.
func New(svc *iam.Service, account func(r *http.Request) (policy.AccountID, error), config Config) *Guard {
	must(svc != nil, "the service is nil")
	must(account != nil || config.Subject != nil, "the account function is nil")
	config.Challenges = slices.Clone(config.Challenges)
	if len(config.Challenges) == 0 {
		config.Challenges = []string{"Bearer"}
	}
	return &Guard{svc: svc, account: account, config: config}
}

// Load loads the subject of each request once, and hands it to the handlers behind it in the
// request's context: see [iam.FromContext]. They see active accounts only (SB-71). Where the request
// came from stands in the context too, also for the account function: see [iam.OriginOf]. A request of
// nobody, or of an account that does not exist, is answered with 401, one of an account that is not
// active with 403, and 503 says that it could not be known. Routes for everybody, such as the one to
// sign in, stand outside of Load.
func (g *Guard) Load(next http.Handler) http.Handler {
	must(next != nil, "the handler is nil")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = g.withOrigin(r)
		sub, id, err := g.subject(r)
		if err != nil {
			err = notKnown(err)
			g.refuse(w, r, id, answerTo(err), err)
			return
		}
		r = r.WithContext(iam.NewContext(r.Context(), sub))
		if err := active(sub); err != nil {
			g.refuse(w, r, id, answerTo(err), err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// subject is who a request is from. The id is that of the account which was asked for in vain.
func (g *Guard) subject(r *http.Request) (sub iam.Subject, id policy.AccountID, err error) {
	if g.config.Subject != nil {
		sub, err = g.config.Subject(r)
		id = sub.ID()
	} else if id, err = g.account(r); err == nil && id != "" {
		sub, err = g.svc.Subject(r.Context(), id)
	}
	if err == nil && id == "" {
		err = ErrNoAccount
	}
	return sub, id, err
}

// notKnown turns the error of asking who it is into one with the status of that.
func notKnown(err error) error {
	if errors.Is(err, iam.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrNoAccount, err)
	}
	if answerTo(err).status == http.StatusInternalServerError {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// active refuses a subject before it is asked about anything, so that no resource is given away by
// the order of the answers: one that was never loaded, and one whose account is not active.
func active(sub iam.Subject) error {
	switch {
	case sub.ID() == "":
		return errNotLoaded
	case sub.Status() != iam.Active:
		return &iam.ForbiddenError{
			Decision: policy.Decision{Reason: policy.Inactive, Subject: sub.ID()}, Detail: "the account is not active",
		}
	}
	return nil
}

func must(ok bool, problem string) {
	if !ok {
		panic("iamhttp: " + problem)
	}
}
