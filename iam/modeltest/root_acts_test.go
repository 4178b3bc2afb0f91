package modeltest_test

import (
	"fmt"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

var rootActs = map[string]act{
	"Actor.OfferRoot": {leads: []string{"Actor.AcceptRoot", "Actor.WithdrawRootOffer"}, often: 2, only: handsOver, do: byWhom((*sequence).rootOf, func(s *sequence, w who) (string, outcome, error) {
		to := s.target(w.org)
		out := s.m.offerRoot(w, to)
		return "offers the organisation to " + to.nick, out, second(w.actor.OfferRoot(s.ctx(), to.id))
	})},
	"Actor.AcceptRoot": {often: 2, only: handsOver, do: byWhom((*sequence).receiver, func(s *sequence, w who) (string, outcome, error) {
		out := s.m.acceptRoot(w)
		return "takes the organisation over", out, second(w.actor.AcceptRoot(s.ctx()))
	})},
	"Actor.WithdrawRootOffer": {only: handsOver, do: byWhom((*sequence).receiver, func(s *sequence, w who) (string, outcome, error) {
		out := s.m.withdrawOffer(w)
		return "wants no such offer", out, w.actor.WithdrawRootOffer(s.ctx())
	})},
	"SystemActor.TransferRoot": {only: handsOver, do: func(s *sequence) (move, bool) {
		o := s.aim()
		to := s.target(o)
		out := s.m.transferRoot(o, to)
		_, err := s.svc.System("the model").TransferRoot(s.ctx(), o.id, to.id)
		return move{org: o, said: "the system makes " + to.nick + " root", out: out, err: err}, true
	}},
	"Actor.SetMailServer": {leads: []string{"Actor.TestMailServer", "Actor.RemoveMailServer"}, often: 2, only: inDeviceHub, do: byWhere(mails, (*sequence).rootOf, func(s *sequence, w who) (string, outcome, error) {
		host, user, password := one(s, "mail.example.com", "mx.example.com"), one(s, "", "console"), one(s, "", "Sesame-1")
		out := s.m.setServer(w, host, user, password)
		_, err := w.actor.SetMailServer(s.ctx(), iam.MailServerParams{
			Host: host, Port: 587, Security: "starttls", Username: user, Password: iam.NewSecret(password), From: "no-reply@example.com",
		})
		return fmt.Sprintf("sets the mail server %s for %q with the password %q", host, user, password), out, err
	})},
	"Actor.RemoveMailServer": {only: inDeviceHub, do: byWhere(mails, (*sequence).rootOf, func(s *sequence, w who) (string, outcome, error) {
		out := s.m.removeServer(w)
		return "removes the mail server", out, w.actor.RemoveMailServer(s.ctx())
	})},
	"Actor.TestMailServer": {often: 2, only: inDeviceHub, do: by(func(s *sequence, w who) (string, outcome, error) {
		out := s.m.testServer(w)
		_, _, _, err := w.actor.TestMailServer(s.ctx())
		return "tests the mail server", out, err
	})},
	"clock": {often: 4, leads: []string{"Actor.ResendInvitation", "signin.SignIn", "signin.Session"}, do: func(s *sequence) (move, bool) {
		d := one(s, time.Millisecond, 30*time.Second, time.Minute, time.Minute, 2*time.Minute, 2*time.Minute, 10*time.Minute, 15*time.Minute, 30*time.Minute,
			time.Hour-time.Millisecond, time.Hour, 12*time.Hour, 24*time.Hour-time.Millisecond, 24*time.Hour, 72*time.Hour)
		s.now = s.now.Add(d)
		return move{said: fmt.Sprintf("%v go by", d), out: nothing()}, true
	}},
	"outbox": {often: 3, do: func(s *sequence) (move, bool) {
		return move{said: "the post goes out", out: nothing(), post: true}, true
	}},
}

// receiver is who was offered the organisation, mostly.
func (s *sequence) receiver(w who) who {
	if o := w.org.offer; o != nil && !s.chance(4) {
		return s.standing(o.to)
	}
	return w
}

func mails(o *org) bool { return o.server != nil }

// rootOf is the organisation's root, mostly.
func (s *sequence) rootOf(w who) who {
	if root := w.org.rootAccount(); root != nil && !s.chance(4) {
		return s.standing(root)
	}
	return w
}
