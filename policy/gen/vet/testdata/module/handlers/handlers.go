// Package handlers asks about pairs: each line that Module must report says what it wants.
package handlers

import (
	"example.com/shop/perms"
	"github.com/castellan-iam/castellan/policy"
)

type service struct{}

func (service) Can(policy.AccountID, policy.Action, policy.Resource) bool { return false }
func (service) Reach(policy.AccountID, policy.Action, policy.Kind) policy.Reach {
	return policy.Reach{}
}
func (service) WhoCan(policy.Action, policy.Resource) []policy.AccountID               { return nil }
func (service) Require(policy.Action, func(id string) policy.Resource) func(id string) { return nil }

func good(svc service, sub policy.AccountID, given policy.Resource, org policy.OrgID) {
	svc.Can(sub, perms.StartStop, perms.Order.In(org, "p").Named("1"))
	svc.Can(sub, perms.View, perms.Bill.Of(org))
	svc.Can(sub, policy.View, perms.Bill.Of(org))
	svc.Reach(sub, perms.List, perms.Order)
	svc.Require(perms.Renew, func(id string) policy.Resource { return perms.Bill.Of(org).Named(id) })
	policy.NewPermission(perms.Bill, perms.Renew)
	svc.Can(sub, perms.Renew, given)
	svc.Can(sub, perms.Renew, policy.Resource{Org: org, Kind: perms.Bill})
}

func bad(svc service, sub policy.AccountID, org policy.OrgID) {
	svc.Can(sub, perms.Renew, perms.Order.In(org, "p").Named("1"))                                     // want order renew
	svc.Can(sub, (perms.Renew), (perms.Order).Of(org).OwnedBy(sub).With("plan", "premium").Resource()) // want order renew
	svc.Can(sub, policy.List, perms.Bill.Of(org))                                                      // want bill list
	svc.Reach(sub, perms.StartStop, perms.Bill)                                                        // want bill start_stop
	svc.Can(sub, perms.Renew, policy.Resource{Org: org, Kind: perms.Order})                            // want order renew
	policy.NewPermission(perms.Order, perms.Renew)                                                     // want order renew
	if len(svc.WhoCan(perms.Renew, perms.Order.Of(org))) > 0 {                                         // want order renew
		return
	}
	svc.Can(
		sub,
		perms.Renew, // want order renew
		perms.Order.In(org, "p").
			Named("1"),
	)
	svc.Require(perms.Renew, func(id string) policy.Resource { // want order renew
		if id == "" {
			return perms.Order.Of(org)
		}
		return perms.Order.Of(org).Named(id)
	})
	go func() {
		defer svc.Can(sub, perms.List, perms.Bill.Of(org)) // want bill list
	}()
}

var route = service{}.Require(perms.StartStop, func(id string) policy.Resource { return perms.Bill.Of("a") }) // want bill start_stop

func silent(svc service, sub policy.AccountID, org policy.OrgID) {
	svc.Can(sub, perms.Renew, perms.Order.Of(org)) //castellan:unknown-pair
	svc.Can(sub, perms.List, perms.Bill.Of(org))   //castellan:unknown-pair shows the denial
	svc.Can(
		sub,
		perms.Renew,
		perms.Order.Of(org), //castellan:unknown-pair
	)
	svc.Can(sub, perms.List, perms.Bill.Of(org)) //castellan:unknown-pairs want bill list
	svc.Can(sub, perms.List, perms.Bill.Of(org)) // castellan:unknown-pair want bill list
}

func locals(svc service, sub policy.AccountID, org policy.OrgID, id string) {
	order := perms.Order.Of(org)
	if id != "" {
		order = order.Named(id)
	}
	svc.Can(sub, perms.Renew, order)                     // want order renew
	svc.Can(sub, perms.Renew, order.With("plan", "big")) // want order renew
	var bill, stop = perms.Bill.Of(org), perms.StartStop
	svc.Can(sub, stop, bill) // want bill start_stop
	func() {
		const again = perms.Renew
		svc.Can(sub, again, order) // want order renew
	}()
}

// unclear holds what is not reported: the variables may hold a known pair.
func unclear(svc service, sub policy.AccountID, org policy.OrgID, order policy.Resource) {
	svc.Can(sub, perms.Renew, order)
	thing := perms.Order.Of(org)
	if sub == "" {
		thing = perms.Bill.Of(org)
	}
	svc.Can(sub, perms.Renew, thing)
	later := perms.Order.Of(org)
	change(&later)
	svc.Can(sub, perms.Renew, later)
	field := perms.Order.Of(org)
	field.Kind = perms.Bill
	svc.Can(sub, perms.Renew, field)
	for _, action := range []policy.Action{perms.View, perms.Renew} {
		svc.Can(sub, action, perms.Order.Of(org))
	}
	made, _ := make2(perms.Order)
	svc.Can(sub, perms.Renew, made)
	svc.Reach(sub, perms.Renew, perms.Order.Base())
	svc.Require(perms.Renew, func(id string) policy.Resource {
		if id == "" {
			return perms.Order.Of(org)
		}
		return perms.Bill.Of(org)
	})
	{
		perms := struct {
			Renew policy.Action
			Order policy.Kind
		}{"renew", "bill"}
		svc.Reach(sub, perms.Renew, perms.Order)
	}
}

func change(r *policy.Resource) { r.Kind = perms.Bill }

func make2(k policy.Kind) (policy.Resource, error) { return perms.Bill.Of("a"), nil }
