package main

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
)

// newDoor is where people sign in: with a browser, which keeps a cookie, or with curl, which gets a token. Insecure is
// for this demo alone, which listens on this machine without TLS.
func newDoor(in *signin.Service, svc *iam.Service, config signinhttp.Config) (*signinhttp.Handler, error) {
	config.Product, config.Next = "Castellan demo", []string{"/projects/"}
	config.Bearer, config.Insecure = true, true
	return signinhttp.New(in, svc, config)
}

// password is what somebody of the demo signs in with. A real backend knows nobody's: people choose one by the link
// of an invitation.
func (p person) password() iam.Secret { return iam.NewSecret(p.name + " keeps nine blue lanterns") }

// givePasswords gives those a password who have none, as if they had followed the link of a mail.
func (a *app) givePasswords(ctx context.Context, d demo) error {
	accounts, err := a.svc.System("demo seed").In(d.org).Accounts(ctx, iam.AccountQuery{})
	if err != nil {
		return err
	}
	passwords := make(map[string]iam.Secret)
	for _, p := range d.people {
		passwords[p.name] = p.password()
	}
	for _, account := range accounts {
		password, seeded := passwords[account.Name]
		if !seeded {
			continue
		}
		credential, err := a.store.Credential(ctx, d.org, account.ID)
		if err != nil {
			return err
		}
		if credential.Password != "" {
			continue
		}
		link, err := a.link(ctx, account)
		if err != nil {
			return err
		}
		opened, err := a.in.ResetPassword(ctx, link, password)
		if err != nil {
			return err
		}
		if err := a.in.SignOut(ctx, opened.Token); err != nil {
			return err
		}
	}
	return nil
}

// link makes the token of a link to reset the account's password, as the outbox does for a mail.
func (a *app) link(ctx context.Context, account iam.Account) (iam.Token, error) {
	token, err := iam.NewToken(a.svc.Rand())
	if err != nil {
		return iam.Token{}, err
	}
	return token, a.store.Write(ctx, account.Org, func(tx iam.Tx) error {
		now := a.svc.Now()
		return tx.InsertToken(ctx, iam.TokenRecord{
			Hash: token.Hash(), Purpose: iam.ForReset, Org: account.Org, Account: account.ID, Email: account.Email,
			Created: now, Expires: now.Add(time.Minute),
		})
	})
}

// login is the path at which somebody signs in: root's, or the organisation's (E10).
func (p person) login(org policy.OrgID) string {
	if p.role == emqx.Root {
		return "/login"
	}
	return "/o/" + string(org) + "/login"
}
