package adminhttp_test

import (
	"crypto/rand"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/policy"
)

// heldCalls are the requests about what accounts hold, and how much they may. What is aimed at hangs below who asks: it is
// theirs, or a sub-account's of theirs.
func heldCalls() map[string]func(o *org, who policy.AccountID) input {
	at := func(id string) map[string]string { return map[string]string{"kind": "device", "id": id} }
	return map[string]func(o *org, who policy.AccountID) input{
		"listHoldings": func(o *org, who policy.AccountID) input {
			sub := o.under(who)
			o.holds(sub)
			o.holds(sub)
			return input{ids: map[string]string{"account": string(sub), "below": string(o.orRoot(who))}, query: "account={account}&below={below}&kind=device&limit=1"}
		},
		"claimHolding": func(o *org, who policy.AccountID) input {
			o.room(who, 3)
			return input{body: `{"kind":"device","id":"` + rand.Text() + `"}`}
		},
		"releaseHolding": func(o *org, who policy.AccountID) input { return input{ids: at(o.holds(who))} },
		"transferHolding": func(o *org, who policy.AccountID) input {
			ids, to := at(o.holds(who)), o.under(who)
			o.room(to, 1)
			ids["to"] = string(to)
			return input{ids: ids, body: `{"to":"{to}"}`}
		},
		"listShares": func(o *org, who policy.AccountID) input {
			id := o.holds(who)
			o.shared(id, o.under(who))
			return input{ids: at(id)}
		},
		"shareHolding": func(o *org, who policy.AccountID) input {
			ids := at(o.holds(who))
			ids["to"] = string(o.under(who))
			until := o.clock.now().Add(time.Hour).Format(time.RFC3339)
			return input{ids: ids, body: `{"to":"{to}","permissions":["device:view","device:reboot"],"until":"` + until + `"}`}
		},
		"unshareHolding": func(o *org, who policy.AccountID) input {
			ids := at(o.holds(who))
			ids["share"] = string(o.shared(ids["id"], o.under(who)))
			return input{ids: ids}
		},
		"takeManagement": func(o *org, who policy.AccountID) input { return input{ids: at(o.holds(o.under(who)))} },

		"listQuotas": func(o *org, who policy.AccountID) input {
			sub := o.under(who)
			o.holds(sub)
			o.room(sub, 3)
			return input{ids: map[string]string{"account": string(sub)}}
		},
		"setQuota": func(o *org, who policy.AccountID) input {
			o.room(who, 9)
			return input{ids: map[string]string{"account": string(o.under(who)), "kind": "device"}, body: `{"most":7}`}
		},
	}
}

// keyCalls are the requests about API keys.
func keyCalls() map[string]func(o *org, who policy.AccountID) input {
	body := func(o *org) string {
		until := o.clock.now().Add(time.Hour).Format(time.RFC3339)
		return `{"description":"dashboard","scope":{"permissions":["` + string(o.task) + `"],"projects":["p1"]},"until":"` + until + `"}`
	}
	return map[string]func(o *org, who policy.AccountID) input{
		"listAPIKeys": func(o *org, _ policy.AccountID) input {
			o.key(o.root)
			o.key(o.root)
			return input{ids: map[string]string{"account": string(o.root)}, query: "account={account}&limit=1"}
		},
		"createAPIKey": func(o *org, _ policy.AccountID) input { return input{body: body(o)} },
		"updateAPIKey": func(o *org, _ policy.AccountID) input {
			return input{ids: map[string]string{"key": string(o.key(o.root))}, body: body(o)}
		},
		"deleteAPIKey": func(o *org, _ policy.AccountID) input {
			return input{ids: map[string]string{"key": string(o.key(o.root))}}
		},
	}
}

// never reports whether the system lets nobody do it, root neither.
func (h *host) never(op *operation) bool {
	needs := h.svc.Rules().Permissions
	switch op.id {
	case "setQuota":
		return needs.ChangeQuotas == ""
	case "updateAPIKey", "deleteAPIKey":
		return needs.ManageKeys == ""
	}
	return false
}

// orRoot is root in place of nobody.
func (o *org) orRoot(who policy.AccountID) policy.AccountID {
	if who == "" {
		return o.root
	}
	return who
}

// write changes something past the rules.
func (o *org) write(do func(tx iam.Tx) error) {
	o.Helper()
	o.ok(o.st.Write(o.Context(), o.id, do))
}

// holdsDevices reports whether the system has holdings at all.
func (o *org) holdsDevices() bool { return len(o.svc.Rules().Holdings) > 0 }

// under is an active account that another has created, whether it may or not.
func (o *org) under(who policy.AccountID) policy.AccountID {
	o.Helper()
	now := o.clock.now()
	a := iam.Account{
		ID: policy.AccountID("sub-" + rand.Text()), Org: o.id, Status: iam.Active, Roles: []policy.Role{o.least}, Email: iam.Email(address("sub")),
		CreatedBy: o.orRoot(who), Created: now, Activated: now, Updated: now,
	}
	o.write(func(tx iam.Tx) error { return tx.InsertAccount(o.Context(), a, true) })
	return a.ID
}

// holds makes an account the holder of one more device, where the system has such a thing, and returns the device's id.
func (o *org) holds(who policy.AccountID) string {
	o.Helper()
	h := iam.Holding{Org: o.id, Kind: devicehub.Device, ID: rand.Text(), Account: o.orRoot(who), Since: o.clock.now()}
	if o.holdsDevices() {
		o.write(func(tx iam.Tx) error { return tx.InsertHolding(o.Context(), h) })
	}
	return h.ID
}

// room limits an account to so many devices.
func (o *org) room(who policy.AccountID, most int64) {
	o.Helper()
	o.write(func(tx iam.Tx) error { return tx.PutLimit(o.Context(), o.orRoot(who), devicehub.Device, most) })
}

// quotas are the member of a body that gives a new account a quota, which who asks has.
func (o *org) quotas(who policy.AccountID) string {
	o.Helper()
	if !o.holdsDevices() {
		return ""
	}
	o.room(who, 3)
	return `,"quotas":[{"kind":"device","most":2}]`
}

// shared shares a device with an account.
func (o *org) shared(id string, to policy.AccountID) iam.GrantID {
	o.Helper()
	if !o.holdsDevices() {
		return "none"
	}
	given, err := o.system().Share(o.Context(), devicehub.Device, id, iam.ShareParams{To: to, Permissions: []policy.Permission{devicehub.DeviceView}})
	o.ok(err)
	return given[0].ID
}

// key makes an API key of an account, whether it may have one or not.
func (o *org) key(account policy.AccountID) iam.APIKeyID {
	o.Helper()
	now := o.clock.now()
	k := iam.APIKey{
		ID: iam.APIKeyID("key-" + rand.Text()), Org: o.id, Account: account, Description: "of a program",
		Scope: policy.Scope{Permissions: []policy.Permission{o.task}, AllProjects: true}, Created: now, Updated: now, Expires: now.Add(24 * time.Hour),
		Hash: iam.TokenHash(address(canary)),
	}
	o.write(func(tx iam.Tx) error { return tx.InsertAPIKey(o.Context(), k) })
	return k.ID
}
