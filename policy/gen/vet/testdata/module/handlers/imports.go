package handlers

import (
	p "example.com/shop/perms"
	rules "github.com/castellan-iam/castellan/policy"
)

func aliased(svc service, sub rules.AccountID) {
	svc.Can(sub, p.Renew, p.Order.Of("a"))                           // want order renew
	svc.Can(sub, rules.List, rules.Resource{Kind: p.Bill, Org: "a"}) // want bill list
	svc.Can(sub, p.Renew, p.Bill.Of("a"))
}
