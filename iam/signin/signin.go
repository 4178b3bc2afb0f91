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
//
// No token goes in, so that a cookie from before is never adopted (SB-37): the host replaces it, and calls
// SignOut for what it was. Of many sign-ins at once into one account, AccountLimit are tried at most, also with the
// right password: each counts as a guess until it was right.
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
	opened, err := s.open(ctx, who, s.renewed(ctx, verified, params.Password))
	if errors.Is(err, ErrCredentials) {
		return Opened{}, s.refuse(ctx, who, "the account was changed meanwhile")
	}
	return opened, err
}

// candidate is who an address stands for, if anybody.
type candidate struct {
	org        policy.OrgID // whose log it is about; "" when that is not known
	email      iam.Email    // "" when it is none
	account    iam.Account  // the zero Account when there is none
	credential iam.Credential
	counted    string // the key under which nobody's attempts are counted
}

func (c candidate) key() string {
	if c.account.ID == "" {
		return c.counted
	}
	return accountKey(c.account.ID)
}

// find looks up who signs in. That there is nobody is no error: what follows takes the same time.
func (s *Service) find(ctx context.Context, org policy.OrgID, address string) (candidate, error) {
	// Where an address is one account everywhere, it is looked up and counted so at every login address: else
	// who locks it at one would learn at another whose it is (SB-24).
	door := org
	if s.svc.Rules().EmailScope == iam.Everywhere {
		door = ""
	}
	// What is no address may be a password in the wrong field: it is stored nowhere, not even as a key (SB-82).
	who := candidate{org: org, counted: addressKey(door, peerKey(ctx, "peer"))}
	email, err := s.svc.ParseEmail(address)
	if err == nil {
		who.email, who.counted = email, addressKey(door, string(email))
		who.account, err = s.svc.AccountAt(ctx, door, email)
	}
	if err != nil && !errors.Is(err, iam.ErrInvalid) && !errors.Is(err, iam.ErrNotFound) {
		return candidate{}, err
	}
	var let policy.AccountID = nobody
	if who.account.ID != "" {
		who.org = who.account.Org
		if s.entersAt(who.account, org) {
			let = who.account.ID
		}
	}
	// Asked for nobody as well: as many statements for one as for the other.
	who.credential, err = s.store.Credential(ctx, cmp.Or(who.org, nobody), let)
	return who, err
}

// entersAt reports whether an account that was found signs in at a login address. One that does not is
// refused as if the password was wrong.
func (s *Service) entersAt(a iam.Account, org policy.OrgID) bool {
	return org == "" || a.Org == org && !(a.Root && s.svc.Rules().SeparateRootLogin)
}

// nobody is an id that nobody has.
const nobody = "nobody"

type verification struct {
	ok     bool
	rehash bool // should the password be hashed anew, with the params of today?
}

// verify compares the password, of nobody as well. The attempt is counted when there is a place to
// hash, so that who is turned away as ErrBusy loses none.
func (s *Service) verify(ctx context.Context, who candidate, password iam.Secret) (verification, error) {
	admit := func() error {
		ctx, done := lasting(ctx)
		defer done()
		return s.attempt(ctx, who.key())
	}
	ok, rehash, err := s.hasher.Verify(ctx, password, who.credential.Password, admit)
	return verification{ok, rehash}, err
}

// renewed returns the password hashed anew where that is needed, and "" where it is not, or where nobody
// has the time for it: the next sign-in does it.
func (s *Service) renewed(ctx context.Context, v verification, password iam.Secret) string {
	if !v.rehash {
		return ""
	}
	fresh, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return ""
	}
	return fresh
}
