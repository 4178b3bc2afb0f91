package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// Departure is what becomes of an account that has handed over.
type Departure uint8

// What becomes of it.
const (
	ThenKeep Departure = iota // it stays as it is, with its roles
	ThenDisable
	ThenDelete
)

// HandOverParams describe who hands over to whom.
type HandOverParams struct {
	From policy.AccountID
	// To is another account of the organisation, which is active.
	To policy.AccountID
	// Then is what becomes of From, in the same transaction. Defaults to ThenKeep.
	Then Departure
	// DropRest deletes From also when To cannot take everything: resources that are left over are released.
	// Defaults to refusing that.
	DropRest bool
	// Also runs in the transaction, behind what is handed over and before From goes: for the host's own rows, such
	// as devices and files. Defaults to nothing.
	Also func(from, to Change) error
}

// Handover is what was handed over, and what was not.
type Handover struct {
	Bindings    []Binding // as To has them now, also where it had them before
	Grants      []Grant   // as To has them now: with new ids and the same end
	Holdings    []Holding // as To has them now: nobody has grants on them any more
	Invitations []Invitation
	Rest        Rest
}

// Rest is what cannot be handed over: it stays with From, and goes when that is deleted.
type Rest struct {
	Bindings    []Binding    // by roles that To does not hold
	Grants      []Grant      // which the policy does not know any more, or To is root and needs none; shares that the actor could not give
	Holdings    []Holding    // for which To's quota has no room, or which the Rules do not know any more
	Invitations []Invitation // that To, or who hands them over, could not send today: they die with From's right to invite
}

// HandOver gives what an account holds to another, in one transaction: its bindings, for the roles that the other
// holds; its grants, each until its end; the resources that it holds, as Transfer does it, as far as the other's
// quota goes; and the open invitations that it sent. Roles are not handed over, nor are API keys: whoever has
// their secrets would act for the other, so they die with the account. The actor must be able to manage both accounts, and to bind, to give and to transfer all that is moved (SB-61). Then the account stays, is disabled or is
// deleted, as Disable and Delete do it.
//
// With ThenDelete it is refused with a FieldError for DropRest, unless that is set, when bindings, grants or
// resources would be left over; the result says which, and nothing was done.
func (a Actor) HandOver(ctx context.Context, params HandOverParams) (Handover, error) {
	need := a.rules().Permissions.ManageAccounts
	var done Handover
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		done, err = c.handOver(params)
		return err
	})
	if err != nil {
		return Handover{Rest: done.Rest}, err
	}
	return done, nil
}

func (c *change) handOver(params HandOverParams) (Handover, error) {
	from, to, err := c.checkHandOver(params)
	if err != nil {
		return Handover{}, err
	}
	var done Handover
	if err := c.moveBindings(&done, from, to); err != nil {
		return Handover{}, err
	}
	if err := c.moveGrants(&done, from, to); err != nil {
		return Handover{}, err
	}
	if err := c.moveHoldings(&done, from, to, params.Then); err != nil {
		return Handover{}, err
	}
	left := len(done.Rest.Bindings) + len(done.Rest.Grants) + len(done.Rest.Holdings)
	if left > 0 && params.Then == ThenDelete && !params.DropRest {
		return Handover{Rest: done.Rest}, invalid("DropRest", "%d bindings, grants or resources cannot be handed over and would be lost", left)
	}
	if err := c.moveInvitations(&done, from, to); err != nil {
		return Handover{}, err
	}
	if err := c.record(HandedOver, string(from.ID), done.changes(to.ID)...); err != nil {
		return Handover{}, err
	}
	if params.Also != nil {
		if err := params.Also(Change{c, from}, Change{c, to}); err != nil {
			return Handover{}, err
		}
	}
	switch params.Then {
	case ThenDisable:
		_, err = c.setStatus(from.ID, AccountDisabled, Disabled, Active, Pending)
	case ThenDelete:
		err = c.dropAndRemove(done.Rest, from)
	}
	return done, err
}

// checkHandOver returns the two accounts, which the actor must both be able to manage.
func (c *change) checkHandOver(params HandOverParams) (from, to Account, err error) {
	if from, err = c.target(params.From); err != nil {
		return Account{}, Account{}, err
	}
	if to, err = c.target(params.To); err != nil {
		return Account{}, Account{}, err
	}
	switch {
	case params.Then > ThenDelete:
		err = invalid("Then", "want ThenKeep, ThenDisable or ThenDelete")
	case from.ID == to.ID:
		err = invalid("To", "want another account")
	case to.Status != Active:
		err = invalid("To", "the account is %s", to.Status)
	case params.Then != ThenKeep:
		err = notRoot(from)
	}
	return from, to, err
}

// moveBindings binds To in place of From, where To holds the role.
func (c *change) moveBindings(done *Handover, from, to Account) error {
	bindings, err := c.tx.Bindings(c.ctx, c.org, from.ID)
	if err != nil {
		return err
	}
	for _, old := range bindings {
		if !to.HasRole(old.Role) {
			done.Rest.Bindings = append(done.Rest.Bindings, old)
			continue
		}
		b := Binding{Account: to.ID, Role: old.Role, Project: old.Project}
		if err := c.bind(b); err != nil {
			return err
		}
		if _, err := c.tx.DeleteBinding(c.ctx, old); err != nil {
			return err
		}
		if err := c.record(ProjectUnbound, string(from.ID), boundTo("project", old, "")...); err != nil {
			return err
		}
		done.Bindings = append(done.Bindings, b)
	}
	return nil
}

// moveGrants gives To the grants of From that have not ended.
func (c *change) moveGrants(done *Handover, from, to Account) error {
	grants, err := c.liveGrants(from.ID)
	if err != nil {
		return err
	}
	for _, old := range grants {
		if to.Root || c.system.Policy.CheckGrant(old.Grant) != nil {
			done.Rest.Grants = append(done.Rest.Grants, old)
			continue
		}
		passes, err := c.passes(old.Grant)
		if err != nil {
			return err
		}
		if !passes {
			done.Rest.Grants = append(done.Rest.Grants, old)
			continue
		}
		if err := c.revokeGrant(old); err != nil {
			return err
		}
		given, err := c.insertGrant(to.ID, old.Grant)
		if err != nil {
			return err
		}
		done.Grants = append(done.Grants, given)
	}
	return nil
}

// moveInvitations makes To the sender of what From sent and To could send, now that it has what it was given. Who
// hands over must be able to send it too, or it would give by To's hand what it cannot give.
func (c *change) moveInvitations(done *Handover, from, to Account) error {
	sent, err := c.openInvitations(from.ID)
	if err != nil || len(sent) == 0 {
		return err
	}
	record, err := c.tx.Subject(c.ctx, to.ID)
	if err != nil {
		return err
	}
	senders := []*policy.Holder{record.holder(c.system.Policy, c.now)}
	if !c.isSystem() {
		senders = append(senders, c.holder)
	}
	for _, i := range sent {
		takes, err := c.couldSend(i, senders)
		if err != nil {
			return err
		}
		if !takes {
			done.Rest.Invitations = append(done.Rest.Invitations, i)
			continue
		}
		i.By = to.ID
		if err := c.tx.PutInvitation(c.ctx, i); err != nil {
			return err
		}
		done.Invitations = append(done.Invitations, i)
	}
	return nil
}

// couldSend reports whether each of the holders could send the invitation today.
func (c *change) couldSend(i Invitation, senders []*policy.Holder) (bool, error) {
	account, err := c.account(i.Account)
	if err != nil {
		return false, err
	}
	bindings, err := c.tx.Bindings(c.ctx, c.org, i.Account)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(senders, func(sender *policy.Holder) bool {
		return c.svc.stillMeant(account, i, bindings, sender) != nil
	}), nil
}

// changes are what the event of a hand-over says beside those of each binding and grant.
func (h Handover) changes(to policy.AccountID) []FieldChange {
	invited := make([]string, len(h.Invitations))
	for i, invitation := range h.Invitations {
		invited[i] = string(invitation.Account)
	}
	return []FieldChange{
		changed("to", "", string(to)),
		changed("bindings", "", strconv.Itoa(len(h.Bindings))),
		changed("grants", "", strconv.Itoa(len(h.Grants))),
		changed("holdings", "", strconv.Itoa(len(h.Holdings))),
		changed("invitations", "", strings.Join(invited, " ")),
	}
}
