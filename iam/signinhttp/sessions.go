package signinhttp

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// SessionView is a session as its owner sees it.
type SessionView struct {
	ID      iam.SessionID `json:"id"`
	Stage   iam.Stage     `json:"stage"`
	Current bool          `json:"current"`
	Created time.Time     `json:"created"`
	Seen    time.Time     `json:"seen"` // give or take a minute
	Expires time.Time     `json:"expires"`
	Peer    string        `json:"peer"`  // the IP address that it was opened from
	Agent   string        `json:"agent"` // the program, as it calls itself
}

func (x *exchange) sessions() ([]SessionView, error) {
	_, current, err := x.session()
	if err != nil {
		return nil, err
	}
	token, _ := x.token(x.r)
	all, err := x.in.Sessions(x.r.Context(), token)
	if err != nil {
		return nil, err
	}
	views := make([]SessionView, len(all))
	for i, s := range all {
		views[i] = SessionView{
			ID: s.ID, Stage: s.Stage, Current: s.ID == current.ID, Created: s.Created, Seen: s.Seen, Expires: s.Expires, Peer: s.Peer, Agent: s.Agent,
		}
	}
	return views, nil
}

func listSessions(x *exchange) (any, error) {
	views, err := x.sessions()
	return map[string][]SessionView{"sessions": views}, err
}

func fillSessions(x *exchange, p *Page) (err error) {
	p.Sessions, err = x.sessions()
	return err
}

// endSession ends one session of who asks. One of somebody else's is not found (SB-42).
func endSession(x *exchange) error {
	token, _ := x.token(x.r)
	if err := x.in.EndSession(x.r.Context(), token, iam.SessionID(x.r.PathValue("session"))); err != nil {
		return err
	}
	return x.done(x.links.Sessions)
}

func endOthers(x *exchange) error {
	token, _ := x.token(x.r)
	ended, err := x.in.EndOtherSessions(x.r.Context(), token)
	switch {
	case err != nil:
		return err
	case x.html:
		return x.redirect(x.links.Sessions)
	default:
		return x.json(http.StatusOK, map[string]int{"ended": ended})
	}
}
