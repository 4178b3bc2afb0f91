package iam

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// newAPIKeySecret makes the secret of a key, in the form in which it is shown once: id.secret.
func newAPIKeySecret(rand io.Reader, id APIKeyID) (Secret, TokenHash, error) {
	token, err := NewToken(rand)
	if err != nil {
		return Secret{}, "", err
	}
	return NewSecret(string(id) + "." + token.Reveal()), token.Hash(), nil
}

// ParseAPIKey takes apart what a program presents. What cannot be a key, such as the token of a session,
// is the zero Token.
func ParseAPIKey(presented Secret) (APIKeyID, Token) {
	id, secret, found := strings.Cut(presented.Reveal(), ".")
	if !found || checkID("ID", id) != nil {
		return "", Token{}
	}
	token := ParseToken(secret)
	if token.IsZero() {
		return "", Token{}
	}
	return APIKeyID(id), token
}

// OpenedBy reports whether the token is the key's secret, in a time that does not tell how much of it is
// right. Nothing opens the zero APIKey.
func (k APIKey) OpenedBy(token Token) bool {
	return k.Hash != "" && subtle.ConstantTimeCompare([]byte(k.Hash), []byte(token.Hash())) == 1
}

// shown is a key without what is for the store alone (SB-70).
func (k APIKey) shown() APIKey {
	k.Hash = ""
	return k
}

// SubjectOfKey loads who a key acts for: the account as it is now, narrowed to the key's scope
// (SB-64). It is one round trip. The key's own end, and its secret, are not asked about here: see package
// signin. An account that is gone is ErrNotFound.
//
// The subject may do what the account may and the scope leaves. It gives nothing to others, manages no
// accounts and no keys, and changes nothing about its own account, whatever its scope says (SB-61,
// SB-62). It is not root, and has no roles. What it does is recorded as the account's, with the Role "api
// key" and the key's id.
func (s *Service) SubjectOfKey(ctx context.Context, key APIKey) (Subject, error) {
	sub, err := s.Subject(ctx, key.Account)
	if err != nil {
		return Subject{}, err
	}
	if sub.Org() != key.Org || key.ID == "" {
		return Subject{}, ErrNotFound
	}
	narrowed := *sub.facts
	narrowed.key = key.ID
	return Subject{holder: sub.holder.Within(key.Scope), facts: &narrowed}, nil
}

// narrow makes a key of the actor's what it is inside the transaction: deleted meanwhile, or with another scope.
func (c *change) narrow() error {
	key, err := c.tx.APIKey(c.ctx, c.org, c.sub.Key())
	switch {
	case errors.Is(err, ErrNotFound):
		return refuse(c.sub.ID(), policy.OutOfScope, "the API key was deleted since the subject was loaded")
	case err != nil:
		return err
	case key.EndedAt(c.now) || key.Account != c.sub.ID():
		return refuse(c.sub.ID(), policy.OutOfScope, "the API key has expired since the subject was loaded")
	}
	c.holder = c.holder.Within(key.Scope)
	return nil
}

// notByKey refuses what takes the account itself, whatever the scope of a key says.
func notByKey(h *policy.Holder, what string) error {
	if h.Narrowed() {
		return refuse(h.ID(), policy.OutOfScope, "an API key "+what)
	}
	return nil
}
