package adminhttp

import (
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func quotaRoutes() []route {
	return []route{
		operation("GET", "/accounts/{account}/quotas", "listQuotas", "List how many resources of each kind an account may have, and what of it is used", listQuotas),
		operation("PUT", "/accounts/{account}/quotas/{kind}", "setQuota", "Change how many resources of a kind an account may have", setQuota),
	}
}

// quota is an account's of one kind. No number stands for what has no limit.
type quota struct {
	Kind      policy.Kind `json:"kind"`
	Unlimited bool        `json:"unlimited" doc:"Set for a root account that nobody has limited: most and left are absent then."`
	Most      *int        `json:"most,omitempty" doc:"What held and given never exceed together."`
	Held      int         `json:"held" doc:"How many the account holds itself."`
	Given     int         `json:"given" doc:"The sum of the limits of the accounts right below it, used or not."`
	Left      *int        `json:"left,omitempty" doc:"How many more it may hold or give."`
}

type quotaList struct {
	Quotas []quota `json:"quotas"`
}

// quotaLimit is what a new account is given of its creator's own.
type quotaLimit struct {
	Kind policy.Kind `json:"kind" max:"255"`
	Most int         `json:"most" min:"0" max:"2147483647"`
}

type quotaUpdate struct {
	accountPath
	Kind policy.Kind `path:"kind"`
	Body struct {
		Most int `json:"most" min:"0" max:"2147483647"`
	} `body:"application/json"`
}

func showQuota(q iam.Quota) quota {
	shown := quota{Kind: q.Kind, Unlimited: q.Most == iam.Unlimited, Held: q.Held, Given: q.Given}
	if !shown.Unlimited {
		left := q.Left()
		shown.Most, shown.Left = &q.Most, &left
	}
	return shown
}

// quotasOf are the limits of a new account. None is iam's default: a kind that is left out has none.
func quotasOf(limits []quotaLimit) (map[policy.Kind]int, error) {
	quotas := make(map[policy.Kind]int, len(limits))
	for i, limit := range limits {
		if _, twice := quotas[limit.Kind]; twice {
			return nil, malformed(fmt.Sprintf("quotas[%d].kind", i), "want it once")
		}
		quotas[limit.Kind] = limit.Most
	}
	return quotas, nil
}

func listQuotas(c *call, in accountPath) (quotaList, error) {
	found, err := c.actor.Quotas(c.r.Context(), in.Account)
	return quotaList{list(found, showQuota)}, err
}

func setQuota(c *call, in quotaUpdate) (quota, error) {
	set, err := c.actor.SetQuota(c.r.Context(), in.Account, in.Kind, in.Body.Most)
	return showQuota(set), ofPath(err)
}
