package signin

import (
	"cmp"
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// SignInParams are what somebody signs in with.
type SignInParams struct {
	// Org is the organisation whose login address was used (E10): its sub-accounts sign in there. Defaults
	// to root's own login address, where an account is found by its address alone: a root account, or any
	// where addresses belong to one account everywhere (L4).
	Org policy.OrgID
	// Email is the account's address.
	Email string
	// Password is verified exactly as it is (SB-03).
	Password iam.Secret
}

// Opened is a session that has begun.
type Opened struct {
	// Token opens the session. It is handed out once.
	Token   iam.Token
	Session iam.Session
	Account iam.Account
}

// SignIn opens a session for who knows an account's password. The session's Stage says whether more
// must come. It is ErrCredentials for whatever is wrong, and an [iam.ThrottledError] after too many
// wrong passwords, for an address without an account too. ErrBusy says that it was not tried.
func (s *Service) SignIn(ctx context.Context, params SignInParams) (Opened, error) {
	if err := hashable(params.Password); err != nil {
		return Opened{}, err
	}
	who, err := s.find(ctx, params.Org, params.Email)
	if err != nil {
		return Opened{}, err
	}
	verified, err := s.verify(ctx, who, params.Password)
	switch {
	case err != nil:
		return Opened{}, err
	case !verified.ok:
		return Opened{}, s.refuse(ctx, who, "the password is wrong")
	case who.account.Status != iam.Active:
		return Opened{}, s.refuse(ctx, who, "the account is "+string(who.account.Status))
	}
	return s.open(ctx, who, verified)
}

// candidate is who an address stands for, if anybody.
type candidate struct {
	org        policy.OrgID // "" when it is not known
	email      iam.Email    // "" when it is none
	account    iam.Account  // the zero Account when there is none
	credential iam.Credential
}

func (c candidate) key() string {
	if c.account.ID == "" {
		return addressKey(c.org, c.email)
	}
	return accountKey(c.account.ID)
}

// find looks up who signs in. That there is nobody is no error: what follows takes the same time.
func (s *Service) find(ctx context.Context, org policy.OrgID, address string) (candidate, error) {
	who := candidate{org: org}
	email, err := s.svc.ParseEmail(address)
	if err == nil {
		who.email = email
		who.account, err = s.svc.AccountAt(ctx, org, email)
	}
	if err != nil && !errors.Is(err, iam.ErrInvalid) && !errors.Is(err, iam.ErrNotFound) {
		return candidate{}, err
	}
	if who.account.ID != "" {
		who.org = who.account.Org
	}
	// Asked for nobody as well: as many statements for one as for the other.
	who.credential, err = s.store.Credential(ctx, cmp.Or(who.org, nobody), cmp.Or(who.account.ID, nobody))
	return who, err
}

// nobody is an id that nobody has.
const nobody = "nobody"

type verification struct {
	ok     bool
	rehash string // the password hashed anew, with the params of today; "" when that is not needed
}

// verify compares the password, of nobody as well. The attempt is counted when there is a place to
// hash, so that who is turned away as ErrBusy loses none.
func (s *Service) verify(ctx context.Context, who candidate, password iam.Secret) (verification, error) {
	admit := func() error { return s.attempt(ctx, who.key()) }
	ok, rehash, err := s.hasher.Verify(ctx, password, who.credential.Password, admit)
	if err != nil || !ok || !rehash {
		return verification{ok: ok}, err
	}
	fresh, err := s.hasher.Hash(ctx, password)
	return verification{ok, fresh}, err
}

// refuse is the answer to everything that is wrong. What is refused because it was tried too often
// is not written down any more, so that nobody fills the log: the guesses before are in it.
func (s *Service) refuse(ctx context.Context, who candidate, why string) error {
	until, err := s.store.Blocked(ctx, who.key(), s.config.AccountLimit, s.svc.Now())
	if err != nil {
		return errors.Join(ErrCredentials, err)
	}
	return errors.Join(ErrCredentials, s.wrong(ctx), s.fail(ctx, who, why, !until.IsZero()))
}

// fail writes down that somebody could not sign in, and tells the account when it was the last guess for
// a while (SB-54).
func (s *Service) fail(ctx context.Context, who candidate, why string, locked bool) error {
	if who.org == "" {
		// There is no log to write to, but something to do.
		return s.store.Forgive(ctx, nobody)
	}
	err := s.svc.Attend(ctx, who.org, who.account.ID, func(c iam.Change) error {
		if locked {
			if err := c.Mail(MailLocked, iam.MailData{Peer: peer(ctx)}); err != nil {
				return err
			}
		}
		return c.Record(iam.SignedIn, iam.Failed,
			iam.FieldChange{Field: "email", After: string(who.email)}, iam.FieldChange{Field: "why", After: why})
	})
	if errors.Is(err, iam.ErrNotFound) {
		return nil // neither organisation nor account: nobody's log
	}
	return err
}
