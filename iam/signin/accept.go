package signin

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
)

// Invite invites somebody as [iam.Actor.Invite] does, with the first password where the Rules let the
// creator choose it (E8): it must be changed at the first sign-in (SB-10). Elsewhere the password must be
// the zero Secret, for the invitee chooses it (L5).
func (s *Service) Invite(ctx context.Context, actor iam.Actor, params iam.InviteParams, password iam.Secret) (iam.Invitation, []iam.Warning, error) {
	if s.svc.Rules().FirstPassword != iam.ByCreator {
		if !password.IsZero() {
			return iam.Invitation{}, nil, refusePassword("is chosen by who is invited")
		}
		return actor.Invite(ctx, params)
	}
	// The outbox is for those who may manage accounts. They are told apart here, so that what is refused costs no
	// hash and tells nothing; Invite asks again.
	if _, err := actor.Mails(ctx, iam.MailQuery{Limit: 1}); err != nil {
		return iam.Invitation{}, nil, err
	}
	org, err := actor.Organization(ctx)
	if err != nil {
		return iam.Invitation{}, nil, err
	}
	email, err := s.svc.ParseEmail(params.Email)
	if err != nil {
		return iam.Invitation{}, nil, err
	}
	account := iam.Account{Org: org.ID, Email: email, Roles: params.Roles, Name: params.Profile.Name, Username: params.Profile.Username, Company: params.Profile.Company}
	hash, err := s.fit(ctx, org, account, password)
	if err != nil {
		return iam.Invitation{}, nil, err
	}
	also := params.Also
	params.Also = func(c iam.Change) error {
		if err := s.putPassword(ctx, c, hash, true); err != nil || also == nil {
			return err
		}
		return also(c)
	}
	return actor.Invite(ctx, params)
}

// AcceptParams describe who accepts an invitation.
type AcceptParams struct {
	// Name is how the person wants to be called. Defaults to what the inviter wrote.
	Name string
	// Password is the first one, where the Rules let the invitee choose it (L5). Where the creator has, it is
	// the zero Secret.
	Password iam.Secret
}

// Accept accepts an invitation as [iam.Service.AcceptInvitation] does, and stores the first password. It
// opens no session: the link may have been forwarded, the password is asked for at the sign-in. Look at
// the invitation with [iam.Service.LookInvitation] first.
func (s *Service) Accept(ctx context.Context, token iam.Token, params AcceptParams) (iam.Account, error) {
	invited, err := s.svc.LookInvitation(ctx, token)
	if err != nil {
		return iam.Account{}, err
	}
	if s.svc.Rules().FirstPassword == iam.ByCreator {
		if !params.Password.IsZero() {
			return iam.Account{}, refusePassword("was chosen by who invited: sign in with it")
		}
		return s.svc.AcceptInvitation(ctx, token, iam.AcceptParams{Name: params.Name})
	}
	if params.Name != "" {
		invited.Account.Name = params.Name
	}
	hash, err := s.fit(ctx, invited.Organization, invited.Account, params.Password)
	if err != nil {
		return iam.Account{}, err
	}
	return s.svc.AcceptInvitation(ctx, token, iam.AcceptParams{Name: params.Name, Also: func(c iam.Change) error {
		return s.putPassword(ctx, c, hash, false)
	}})
}

// ChangeEmail asks for another address for who asks, as [iam.Actor.ChangeEmail] does, when the password
// was given a while ago at most.
func (s *Service) ChangeEmail(ctx context.Context, token iam.Token, email string) (iam.EmailChange, error) {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return iam.EmailChange{}, err
	}
	sub, err := s.svc.SubjectOf(ctx, record)
	if err != nil {
		return iam.EmailChange{}, sessionOver(err)
	}
	return s.svc.As(sub).ChangeEmail(ctx, record.Account, email)
}
