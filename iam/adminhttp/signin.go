package adminhttp

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

func signInRoutes() []route {
	all := []route{
		operation("GET", "/accounts/{account}/sessions", "listSessions", "List the sessions of an account, the newest first", listSessions),
		operation("DELETE", "/accounts/{account}/sessions", "endSessions", "End all sessions of an account, at once and everywhere", endSessions),
		operation("POST", "/accounts/{account}/password-reset", "sendReset", "Mail a link to reset the password of an account", sendReset).
			also(http.StatusTooManyRequests),
		operation("PUT", "/accounts/{account}/password", "setPassword", "Set the password of an account, which it must change at its next sign-in", setPassword),
		operation("POST", "/accounts/{account}/unlock", "unlockAccount", "Forget the wrong passwords and codes of an account", unlock),
		operation("DELETE", "/accounts/{account}/second-factor", "resetSecondFactor", "Take the second factor of an account away", resetSecondFactor),
	}
	for i := range all {
		all[i].only = func(c Config) bool { return c.SignIn != nil }
	}
	return all
}

// session is an account that is signed in. Nothing in it opens anything (SB-70).
type session struct {
	ID           iam.SessionID `json:"id"`
	Stage        iam.Stage     `json:"stage" enum:"full,second_factor,enrollment,password_reset"`
	SecondFactor bool          `json:"second_factor" doc:"Whether a second factor was given."`
	Created      time.Time     `json:"created"`
	Seen         time.Time     `json:"seen" doc:"The last use, give or take a minute."`
	Expires      time.Time     `json:"expires" doc:"It ends then at the latest."`
	Peer         string        `json:"peer,omitempty" doc:"The address that it was opened from."`
	Agent        string        `json:"agent,omitempty" doc:"The program that it was opened with, as it calls itself."`
}

type sessionList struct {
	Sessions []session `json:"sessions"`
}

type endedSessions struct {
	Ended int `json:"ended"`
}

type passwordUpdate struct {
	accountPath
	Body struct {
		Password iam.Secret `json:"password"`
	} `body:"application/json"`
}

func showSession(s iam.Session) session {
	return session{
		ID: s.ID, Stage: s.Stage, SecondFactor: s.SecondFactor, Created: s.Created.UTC(), Seen: s.Seen.UTC(), Expires: s.Expires.UTC(),
		Peer: s.Peer, Agent: s.Agent,
	}
}

func listSessions(c *call, in accountPath) (sessionList, error) {
	found, err := c.config.SignIn.SessionsOf(c.r.Context(), c.actor, in.Account)
	return sessionList{list(found, showSession)}, err
}

func endSessions(c *call, in accountPath) (endedSessions, error) {
	n, err := c.config.SignIn.EndSessions(c.r.Context(), c.actor, in.Account)
	return endedSessions{n}, err
}

func sendReset(c *call, in accountPath) (none, error) {
	return none{}, c.config.SignIn.SendReset(c.r.Context(), c.actor, in.Account)
}

func setPassword(c *call, in passwordUpdate) (none, error) {
	return none{}, c.config.SignIn.SetPassword(c.r.Context(), c.actor, in.Account, in.Body.Password)
}

func unlock(c *call, in accountPath) (none, error) {
	return none{}, c.config.SignIn.Unlock(c.r.Context(), c.actor, in.Account)
}

func resetSecondFactor(c *call, in accountPath) (none, error) {
	return none{}, c.config.SignIn.ResetSecondFactor(c.r.Context(), c.actor, in.Account)
}
