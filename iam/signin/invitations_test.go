package signin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// lifetimes are how long the systems' invitations hold.
var lifetimes = map[string]time.Duration{"emqx": time.Hour, "lanit": 24 * time.Hour, "devicehub": 24 * time.Hour}

func threeSystems() []iam.System {
	return []iam.System{emqx.System(), lanit.System(), devicehub.System()}
}

func TestInvitations(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.step("E8, E9, SB-10: the creator chooses the first password, and it is changed at the first sign-in", inviteByCreator)
		w.step("L5: the invitee chooses the password, and is told which kind is missing", inviteByInvitee)
		for _, system := range threeSystems() {
			w.step("E9, L6, SB-14: the link of "+system.Name+" holds to the millisecond", func(w *world) { linkLifetime(w, system) })
			w.step("L6: past it, "+system.Name+" invites again, and nothing is inherited", func(w *world) { inviteAgain(w, system) })
		}
		w.step("D6, SB-15: sent again, the link before is dead, and not more often than once a minute", resendInvitation)
		w.step("SB-15: one inviter and one organisation send again so often", resendLimits)
		w.step("a link is made for those whom no mail reaches, and taken back", linkAndRevoke)
		w.step("invitations are listed with where they stand", listInvitations)
		w.step("E11: one address in two organisations, and in one of them once", sameAddressEMQX)
		w.step("L4: one address everywhere", sameAddressLANIT)
		w.step("SB-99: what was taken back is not mailed", droppedInvitations)
		w.step("who may not invite costs no hash", inviteWithoutRight)
	})
}

func inviteByCreator(w *world) {
	o := w.organization(emqx.System())
	admin := o.account(emqx.Administrator)
	password := goodPassword()
	email := address("Ann.Keller")
	params := iam.InviteParams{Email: email, Roles: []policy.Role{emqx.ProjectUser}, Profile: iam.Profile{Note: "a note"}}

	for _, bad := range []struct{ password, problem string }{
		{"", "is empty"}, {"short", "of at least"}, {"ann.keller ann.k", "others can guess"},
	} {
		w.unchanged(func() {
			_, _, err := o.in.Invite(o.ctx(), admin.actor(), params, iam.NewSecret(bad.password))
			w.fieldError(err, "Password", bad.problem)
		})
	}
	i, warnings, err := o.in.Invite(o.ctx(), admin.actor(), params, password)
	w.ok(err)
	equal(w, "E8: the warning", slices.Contains(warnings, iam.ProjectsNeeded), true)
	ann := &person{org: o, id: i.Account, email: email, login: o.id, password: password}
	equal(w, "the status before", ann.status(), iam.Pending)
	equal(w, "whether the password must be changed", ann.stored().MustChange, true)
	w.refused(second(ann.try(password)), signin.ErrCredentials) // E9: not before the address is proven

	sent := o.deliver()
	if len(sent) != 1 || sent[0].Template != iam.MailInvitation {
		w.Fatalf("%d mails went out, want the invitation", len(sent))
	}
	mail := sent[0]
	equal(w, "E9: the login address", mail.LoginAddress, baseURL+"/o/"+string(o.id)+"/login")
	equal(w, "E9: the activation link", strings.HasPrefix(mail.Link.Reveal(), baseURL+"/activate?token="), true)
	equal(w, "the mail says that a password is set", mail.Data.InitialPassword, true)
	token := tokenIn(w, mail.Link)

	w.fieldError(second(o.in.Accept(o.ctx(), token, signin.AcceptParams{Password: goodPassword()})), "Password", "was chosen")
	account := must(o.in.Accept(o.ctx(), token, signin.AcceptParams{Name: "Ann"}))(w)
	equal(w, "the status after", account.Status, iam.Active)
	equal(w, "the name", account.Name, "Ann")
	equal(w, "events", len(ann.about(iam.InvitationSent, iam.InvitationAccepted)), 2)

	opened := ann.begin()
	equal(w, "SB-10: the stage", opened.Session.Stage, iam.NeedsPasswordReset)
	w.staged(second(o.in.Sessions(o.ctx(), opened.Token)), iam.NeedsPasswordReset)
	w.fieldError(second(o.in.ChooseNewPassword(o.ctx(), opened.Token, password)), "Password", "somebody else knows")
	w.fieldError(second(o.in.ChooseNewPassword(o.ctx(), opened.Token, iam.NewSecret("short"))), "Password", "of at least")
	ann.password = goodPassword()
	next := must(o.in.ChooseNewPassword(o.ctx(), opened.Token, ann.password))(w)
	equal(w, "the stage behind it", next.Session.Stage, iam.Full)
	w.refused(second(o.in.ChooseNewPassword(o.ctx(), opened.Token, goodPassword())), signin.ErrSession)
	w.refused(second(ann.try(password)), signin.ErrCredentials)
	equal(w, "the stage from then on", ann.begin().Session.Stage, iam.Full)
	equal(w, "events of the change", len(ann.about(iam.PasswordChanged)), 1)
	equal(w, "mails of the change", len(ann.mails(signin.MailPasswordChanged)), 1)
}

func inviteByInvitee(w *world) {
	o := w.organization(lanit.System())
	_, _, err := o.in.Invite(o.ctx(), o.root.actor(), iam.InviteParams{Email: address("bo"), Roles: []policy.Role{lanit.Member}}, goodPassword())
	w.fieldError(err, "Password", "chosen by who is invited")
	bo := o.root.invite(address("bo"))
	for _, bad := range []struct{ password, problem string }{
		{"", "is empty"},
		{"Aa1!Aa1", "7 of at least 8"},
		{"qz7!vkwm", "needs an upper-case letter"},
		{"QZ7!VKWM", "needs a lower-case letter"},
		{"Qz!vkwmx", "needs a digit"},
		{"Qz7vkwmx", "needs a special character"},
		{"qzvkwmxp", "needs an upper-case letter and a digit and a special character"},
		{"Passw0rd!", "most used"},
		{"Zoltan9!", "others can guess"}, // the name that comes with it
	} {
		w.unchanged(func() {
			params := signin.AcceptParams{Name: "Zoltan", Password: iam.NewSecret(bad.password)}
			w.fieldError(second(o.in.Accept(o.ctx(), bo.token, params)), "Password", bad.problem)
		})
	}
	equal(w, "the status before", bo.status(), iam.Pending)
	w.ok(bo.accept())
	equal(w, "the status after", bo.status(), iam.Active)
	equal(w, "no session is opened", bo.open(), 0)
	equal(w, "the stage", bo.begin().Session.Stage, iam.Full)
	w.refused(bo.accept(), iam.ErrToken) // SB-13
}

func linkLifetime(w *world, system iam.System) {
	o := w.organization(system)
	early, late := o.root.invite(address("early")), o.root.invite(address("late"))
	o.clock.advance(lifetimes[system.Name] - time.Millisecond)
	equal(w, "who is invited", must(o.svc.LookInvitation(o.ctx(), early.token))(w).Account.ID, early.id)
	w.ok(early.accept())
	o.clock.advance(time.Millisecond)
	w.refused(second(o.svc.LookInvitation(o.ctx(), late.token)), iam.ErrToken)
	w.unchanged(func() { w.refused(late.accept(), iam.ErrToken) })
	equal(w, "the status of who was late", late.status(), iam.Pending)
}

func sameAddressEMQX(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	email := address("ivy")
	one := o.root.invite(email)
	_, _, err := o.in.Invite(o.ctx(), o.root.actor(), iam.InviteParams{Email: strings.ToUpper(email), Roles: []policy.Role{emqx.Auditor}}, goodPassword())
	w.refused(err, iam.ErrExists)
	two := other.root.invite(strings.ToUpper(email))
	w.ok(one.accept())
	w.ok(two.accept())
	equal(w, "they are two accounts", one.id != two.id, true)
	w.refused(second(one.try(two.password)), signin.ErrCredentials)
	equal(w, "each with its own password", one.begin().Account.ID, one.id)
	// A root's address is no sub-account's.
	_, _, err = o.in.Invite(o.ctx(), o.root.actor(), iam.InviteParams{Email: other.root.email, Roles: []policy.Role{emqx.Auditor}}, goodPassword())
	w.refused(err, iam.ErrExists)
}

func sameAddressLANIT(w *world) {
	o := w.organization(lanit.System())
	other := o.sibling()
	one := o.root.invite(address("jan"))
	params := iam.InviteParams{Email: strings.ToUpper(one.email), Roles: []policy.Role{lanit.Member}}
	_, _, err := o.in.Invite(o.ctx(), other.root.actor(), params, iam.Secret{})
	w.refused(err, iam.ErrExists)
	w.ok(o.root.actor().RevokeInvitation(o.ctx(), one.id))
	w.ok(second2(o.in.Invite(o.ctx(), other.root.actor(), params, iam.Secret{})))
}

// second2 is the error of a call that returns two values too.
func second2[A, B any](_ A, _ B, err error) error { return err }

func inviteWithoutRight(w *world) {
	o := w.organization(emqx.System())
	hashes := 0
	o.in.OnHash(func(signin.HashParams) { hashes++ })
	auditor := o.account(emqx.Auditor)
	before := hashes
	w.refused(second2(o.in.Invite(o.ctx(), auditor.actor(), iam.InviteParams{Email: address("lea"), Roles: []policy.Role{emqx.Auditor}}, goodPassword())), iam.ErrForbidden)
	w.refused(o.in.SetPassword(o.ctx(), auditor.actor(), o.root.id, goodPassword()), iam.ErrForbidden)
	w.refused(o.in.SetPassword(o.ctx(), o.account(emqx.Administrator).actor(), o.root.id, goodPassword()), iam.ErrForbidden)
	equal(w, "hashes", hashes-before, 1) // that of the administrator's own account
}
