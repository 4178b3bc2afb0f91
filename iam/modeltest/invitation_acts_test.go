package modeltest_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
)

var invitationActs = map[string]act{
	"Actor.Invite": {leads: []string{"signin.Accept", "Service.AcceptInvitation", "Actor.InvitationLink", "Actor.RevokeInvitation", "clock"}, often: 2, do: byWhere(invites, anybody, func(s *sequence, w who) (string, outcome, error) {
		n, made := s.newborn()
		bindings := s.firstBindings(n)
		out := s.m.invite(w, n, bindings, made)
		got, _, err := w.actor.Invite(s.ctx(), s.invitation(n, bindings))
		made.id = got.Account
		return fmt.Sprintf("invites %s (%v)", made.nick, n), out, err
	})},
	"signin.Invite": {leads: []string{"signin.Accept", "Service.AcceptInvitation", "signin.SignIn"}, often: 2, do: byWhere(invites, anybody, func(s *sequence, w who) (string, outcome, error) {
		n, made := s.newborn()
		bindings, password := s.firstBindings(n), ""
		if s.m.book.byCreator != s.chance(8) {
			password = s.somePassword()
		}
		out := s.m.inviteWith(w, n, bindings, password, made)
		got, _, err := s.in.Invite(s.ctx(), w.actor, s.invitation(n, bindings), iam.NewSecret(password))
		made.id = got.Account
		return fmt.Sprintf("invites %s (%v) with the password %q", made.nick, n, password), out, err
	})},
	"Actor.ImportInvitations": {do: by(func(s *sequence, w who) (string, outcome, error) {
		n, made := s.newborn()
		n.quota = -1
		if n.email == "" || len(n.roles) == 0 { // which the list's reader refuses
			return "", outcome{}, nil
		}
		out, dry := s.m.invite(w, n, nil, made), s.chance(4)
		var line iam.ImportedLine
		roles := strings.ReplaceAll(strings.Trim(fmt.Sprint(n.roles), "[]"), ",", " ")
		_, err := w.actor.ImportInvitations(s.ctx(), strings.NewReader("email,roles\n"+n.email+","+roles+"\n"), iam.ImportParams{
			DryRun: dry, Report: func(l iam.ImportedLine) error { line = l; return nil },
		})
		if err == nil {
			err = line.Err
		}
		made.id = line.Invitation.Account
		what := "imports"
		if dry && out.want == done {
			what, out.then = "tries to import", func() {}
		}
		return fmt.Sprintf("%s %s (%v)", what, made.nick, n), out, named(err)
	})},
	"Actor.ResendInvitation": {leads: []string{"signin.Accept", "Service.AcceptInvitation"}, often: 2, do: byWhere(invites, anybody, func(s *sequence, w who) (string, outcome, error) {
		a := s.such(w.org, (*account).invited)
		out := s.m.resend(w, a)
		return "sends the invitation again to " + a.nick, out, second(w.actor.ResendInvitation(s.ctx(), a.id))
	})},
	"Actor.RevokeInvitation": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.such(w.org, (*account).invited)
		out := s.m.revoke(w, a)
		return "takes back the invitation of " + a.nick, out, w.actor.RevokeInvitation(s.ctx(), a.id)
	})},
	"Actor.InvitationLink": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a, made := s.such(w.org, (*account).invited), &link{}
		out := s.m.oneMoreLink(w, a, made)
		got, err := w.actor.InvitationLink(s.ctx(), a.id)
		if err == nil {
			made.token = s.token(got)
		}
		return "makes one more link for " + a.nick, out, err
	})},
	"signin.Accept": {often: 3, do: func(s *sequence) (move, bool) {
		l := s.link(iam.ForInvitation)
		if l == nil {
			return move{}, false
		}
		name, password := one(s, "", "Neo"), ""
		if s.m.book.byCreator == s.chance(8) {
			password = s.somePassword()
		}
		out := s.m.accept(l, name, password)
		_, err := s.in.Accept(s.ctx(), l.token, signin.AcceptParams{Name: name, Password: iam.NewSecret(password)})
		return move{org: l.to.org, said: fmt.Sprintf("%s follows a link for %s with the password %q", l.to.nick, l.purpose, password), out: out, err: err}, true
	}},
	"Service.AcceptInvitation": {do: func(s *sequence) (move, bool) {
		l := s.link(iam.ForInvitation)
		if l == nil {
			return move{}, false
		}
		out := s.m.accept(l, "", "")
		if out.want == "field Password" { // there is none without package signin
			out = does(func() { s.m.accepted(l.to, "", "") })
		}
		return move{org: l.to.org, said: fmt.Sprintf("%s follows a link for %s", l.to.nick, l.purpose), out: out,
			err: second(s.svc.AcceptInvitation(s.ctx(), l.token, iam.AcceptParams{}))}, true
	}},
	"Actor.ChangeEmail": {leads: []string{"Service.ConfirmEmail", "Actor.CancelEmailChange"}, often: 2, do: by(func(s *sequence, w who) (string, outcome, error) {
		a, email := s.target(w.org), s.someEmail()
		if !w.system() && s.chance(3) {
			a = w.account
		}
		out := s.m.changeEmail(w, a, email)
		return fmt.Sprintf("asks that %s be at %s", a.nick, local(email)), out, second(w.actor.ChangeEmail(s.ctx(), a.id, email))
	})},
	"Actor.CancelEmailChange": {do: by(func(s *sequence, w who) (string, outcome, error) {
		a := s.such(w.org, func(a *account) bool { return a.change != nil })
		out := s.m.cancelEmail(w, a)
		return "takes back the new address of " + a.nick, out, w.actor.CancelEmailChange(s.ctx(), a.id)
	})},
	"Service.ConfirmEmail": {leads: []string{"Service.ConfirmEmail"}, often: 3, do: func(s *sequence) (move, bool) {
		l := s.link(iam.ForOldEmail, iam.ForNewEmail)
		if l == nil {
			return move{}, false
		}
		out := s.m.confirmEmail(l)
		return move{org: l.to.org, said: fmt.Sprintf("%s follows a link for %s at %s", l.to.nick, l.purpose, local(l.email)), out: out, err: third(s.svc.ConfirmEmail(s.ctx(), l.token))}, true
	}},
}

func invites(o *org) bool { return slices.ContainsFunc(o.accounts, (*account).invited) }

func (a *account) invited() bool { return a.invitation != nil && !a.invitation.accepted }

// inviteWith is invite with a first password, where the creator chooses it (E8).
func (m *model) inviteWith(w who, n newborn, bindings []binding, password string, made *account) outcome {
	switch {
	case !m.book.byCreator && password != "":
		return onField("Password")
	case !m.book.byCreator:
		return m.invite(w, n, bindings, made)
	case !w.may(m.book.manage, ""):
		return refused(forbidden)
	case n.email == "":
		return onField("Email")
	case password == weakPassword || password == "":
		return onField("Password")
	}
	out := m.invite(w, n, bindings, made)
	if out.refuses() {
		return out
	}
	return does(func() {
		out.then()
		m.knows(made, password, true)
	})
}

func (s *sequence) invitation(n newborn, bindings []binding) iam.InviteParams {
	params := iam.InviteParams{Email: n.email, Roles: n.roles, Quotas: s.quotas(n)}
	for _, b := range bindings {
		params.Bindings = append(params.Bindings, iam.Binding{Role: b.role, Project: b.project})
	}
	return params
}

// firstBindings are those of somebody who is invited: seldom any.
func (s *sequence) firstBindings(n newborn) []binding {
	if len(n.roles) == 0 || !s.chance(4) {
		return nil
	}
	return []binding{{n.roles[0], s.someProject()}}
}

// named gives a field of a list the name that it has elsewhere.
func named(err error) error {
	var field *iam.FieldError
	var line *iam.LineError
	if errors.As(err, &field) && errors.As(err, &line) && field.Field != "" {
		copied := *field
		copied.Field = strings.ToUpper(field.Field[:1]) + field.Field[1:]
		return &iam.LineError{File: line.File, Line: line.Line, Err: &copied}
	}
	return err
}

// token takes the token out of a link.
func (s *sequence) token(from iam.Secret) iam.Token {
	u, err := url.Parse(from.Reveal())
	s.must(err)
	return iam.ParseToken(u.Query().Get("token"))
}
