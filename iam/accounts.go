package iam

import (
	"context"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// CreateAccountParams describe a new account.
type CreateAccountParams struct {
	// Email is the account's address. Defaults to none.
	Email string
	// Roles are what the account holds in its organisation: at least one, and one exactly where the
	// system says so.
	Roles []policy.Role
	// Active makes the account active at once. Defaults to pending, until Activate.
	Active bool
	// Profile is everything else about the person. Defaults to nothing.
	Profile Profile
	// Quotas are how many resources of a kind the account may have, itself and with those that it will create
	// (D4, D5). They are taken from the creator's own: ErrQuota. Defaults to none at all, and for root to
	// no limit.
	Quotas map[policy.Kind]int
}

// Profile is what people want to know of an account, and what decides nothing.
type Profile struct {
	Name, Username, Phone, Company, Note string
}

// Warning tells the caller of something that was done as asked and will probably surprise.
type Warning string

// ProjectsNeeded says that a role was given which sees nothing until the account is bound to
// projects (E5, E8).
const ProjectsNeeded Warning = "projects must be authorized: a project role without a binding sees no project"

// CreateAccount makes an account in the actor's organisation.
func (a Actor) CreateAccount(ctx context.Context, params CreateAccountParams) (Account, []Warning, error) {
	need := a.rules().Permissions.ManageAccounts
	var account Account
	var warnings []Warning
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		if account, err = c.newAccount(params); err != nil {
			return err
		}
		for _, role := range account.Roles {
			if err := c.mayHold(role); err != nil {
				return err
			}
		}
		if err := c.insert(account); err != nil {
			return err
		}
		if err := c.allot(account, params.Quotas); err != nil {
			return err
		}
		warnings, err = c.warnings(account)
		return err
	})
	if err != nil {
		return Account{}, nil, err
	}
	return account, warnings, nil
}

// newAccount checks the parameters and makes an account of them.
func (c *change) newAccount(params CreateAccountParams) (Account, error) {
	account := Account{
		Org: c.org, Status: Pending, CreatedBy: c.sub.ID(), Created: c.now, Updated: c.now,
	}
	if params.Active {
		account.Status, account.Activated = Active, c.now
	}
	var err error
	if account.Roles, err = c.checkRoles(params.Roles); err != nil {
		return Account{}, err
	}
	if params.Email != "" {
		if account.Email, err = parseEmail(params.Email, c.system.Rules.UnicodeEmail); err != nil {
			return Account{}, err
		}
	}
	if err := account.setProfile(params.Profile); err != nil {
		return Account{}, err
	}
	id, err := c.svc.ids.next(c.now)
	account.ID = policy.AccountID(id)
	return account, err
}

// setProfile writes the profile into the account.
func (a *Account) setProfile(p Profile) error {
	for _, f := range []struct{ field, text string }{
		{"Name", p.Name}, {"Username", p.Username}, {"Phone", p.Phone}, {"Company", p.Company}, {"Note", p.Note},
	} {
		if err := checkText(f.field, f.text); err != nil {
			return err
		}
	}
	a.Name, a.Username, a.Phone, a.Company, a.Note = p.Name, p.Username, p.Phone, p.Company, p.Note
	return nil
}

// checkRoles refuses what is no set of roles under the rules, and sorts the rest.
func (c *change) checkRoles(roles []policy.Role) ([]policy.Role, error) {
	roles = slices.Clone(roles)
	slices.Sort(roles)
	roles = slices.Compact(roles)
	switch {
	case len(roles) == 0:
		return nil, invalid("Roles", "an account needs a role")
	case c.system.Rules.OneRole && len(roles) > 1:
		return nil, invalid("Roles", "an account has exactly one role in the system %q", c.system.Name)
	}
	for _, role := range roles {
		if !c.system.Policy.HasRole(role) || !role.UsableIn(c.org) {
			return nil, invalid("Roles", "unknown role %q", role)
		}
	}
	return roles, nil
}

// mayHold refuses to give a role to a sub-account: one that is root's alone, or that the actor may not give.
func (c *change) mayHold(role policy.Role) error {
	if c.system.rootOnly(role) {
		return invalid("Roles", "the role %q belongs to root alone", role)
	}
	return c.mayGive(policy.GrantRole(role, policy.AtOrg(c.org)))
}

// reserved refuses a sub-account the address of a root account, where the Rules say so (E11).
func (c *change) reserved(a Account) error {
	if !c.system.Rules.ReserveRootEmail || a.Root || a.Email == "" {
		return nil
	}
	taken, err := c.tx.RootEmail(c.ctx, a.Email)
	if err == nil && taken {
		return unusableEmail()
	}
	return err
}

// unusableEmail refuses an address that somebody else has, and does not tell who (SB-27).
func unusableEmail() error {
	return &FieldError{Field: "Email", Problem: "the address cannot be used", Reason: ErrExists}
}

// insert stores a new account and its event.
func (c *change) insert(a Account) error {
	if err := c.reserved(a); err != nil {
		return err
	}
	return c.put(a)
}

// put stores a new account, whose address no root has reserved, and its event.
func (c *change) put(a Account) error {
	if err := c.tx.InsertAccount(c.ctx, a, c.everywhere()); err != nil {
		return err
	}
	return c.append(accountCreated(a))
}

// accountCreated is the event of a new account.
func accountCreated(a Account) Event {
	return Event{Type: AccountCreated, Target: string(a.ID), Changes: []FieldChange{
		changed("email", "", string(a.Email)), changed("roles", "", joinRoles(a.Roles)), changed("status", "", string(a.Status)),
	}}
}

// everywhere reports whether an address belongs to one account of the whole database.
func (c *change) everywhere() bool { return c.system.Rules.EmailScope == Everywhere }

// warnings says what the caller should know about the account's roles.
func (c *change) warnings(a Account) ([]Warning, error) {
	if !slices.ContainsFunc(a.Roles, c.system.Policy.Bindable) {
		return nil, nil
	}
	bindings, err := c.tx.Bindings(c.ctx, c.org, a.ID)
	if err != nil {
		return nil, err
	}
	return c.warningsWith(a, bindings), nil
}

// warningsWith says it of an account with these bindings.
func (c *change) warningsWith(a Account, bindings []Binding) []Warning {
	for _, role := range a.Roles {
		bound := func(b Binding) bool { return b.Role == role }
		if c.system.Policy.Bindable(role) && !slices.ContainsFunc(bindings, bound) {
			return []Warning{ProjectsNeeded}
		}
	}
	return nil
}

// Account returns one account of the actor's organisation. Everybody may see themselves.
func (a Actor) Account(ctx context.Context, id policy.AccountID) (Account, error) {
	if err := a.readAbout(ctx, id); err != nil {
		return Account{}, err
	}
	if checkID("Account", string(id)) != nil {
		return Account{}, ErrNotFound
	}
	return a.svc.store.Account(ctx, a.org, id)
}

// readAbout guards reading about one account: oneself, or whoever may see the list.
func (a Actor) readAbout(ctx context.Context, id policy.AccountID) error {
	if id != "" && id == a.sub.ID() && a.sub.Key() == "" {
		return a.member(ctx)
	}
	return a.read(ctx, a.rules().Permissions.ListAccounts)
}

// Accounts returns a page of the organisation's accounts, in the order of their making (E7).
func (a Actor) Accounts(ctx context.Context, q AccountQuery) ([]Account, error) {
	if err := a.read(ctx, a.rules().Permissions.ListAccounts); err != nil {
		return nil, err
	}
	return a.svc.store.Accounts(ctx, a.org, q)
}

// UpdateProfile replaces the profile of an account (E12, D4).
func (a Actor) UpdateProfile(ctx context.Context, id policy.AccountID, p Profile) (Account, error) {
	need := a.rules().Permissions.ManageAccounts
	var account Account
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		account, err = c.edit(id, func(account *Account) (EventType, []FieldChange, error) {
			before := *account
			err := account.setProfile(p)
			return AccountUpdated, profileChanges(before, *account), err
		})
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

func profileChanges(before, after Account) []FieldChange {
	var changes []FieldChange
	for _, f := range []FieldChange{
		changed("name", before.Name, after.Name), changed("username", before.Username, after.Username),
		changed("phone", before.Phone, after.Phone), changed("company", before.Company, after.Company),
		changed("note", before.Note, after.Note),
	} {
		if f.Before != f.After {
			changes = append(changes, f)
		}
	}
	return changes
}

// An edit changes an account and says what happened. One that changes nothing returns no changes,
// and nothing is written or recorded.
type edit func(account *Account) (EventType, []FieldChange, error)

// edit changes one account that the actor may manage, and records it.
func (c *change) edit(id policy.AccountID, edit edit) (Account, error) {
	account, err := c.target(id)
	if err != nil {
		return Account{}, err
	}
	before := account
	what, changes, err := edit(&account)
	if err != nil || len(changes) == 0 {
		return account, err
	}
	account.Updated = c.now
	if err := c.tx.UpdateAccount(c.ctx, account, c.everywhere()); err != nil {
		return Account{}, err
	}
	if err := c.keepAdministrator(before); err != nil {
		return Account{}, err
	}
	return account, c.record(what, string(id), changes...)
}

func joinRoles(roles []policy.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, " ")
}
