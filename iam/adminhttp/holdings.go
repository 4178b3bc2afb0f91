package adminhttp

import (
	"errors"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func holdingRoutes() []route {
	return []route{
		operation("GET", "/holdings", "listHoldings", "List which account holds which resource, in the order of kinds and ids", listHoldings),
		operation("POST", "/holdings", "claimHolding", "Become the holder of a resource that nobody holds", claimHolding).creating(),
		operation("DELETE", "/holdings/{kind}/{id}", "releaseHolding", "Leave a resource to nobody, with an end to everybody's share of it", releaseHolding),
		operation("POST", "/holdings/{kind}/{id}/transfer", "transferHolding", "Make another account the holder, with an end to everybody's share", transferHolding),
		operation("GET", "/holdings/{kind}/{id}/shares", "listShares", "List the grants on a resource, also those that have ended", listShares),
		operation("POST", "/holdings/{kind}/{id}/shares", "shareHolding", "Share a resource with a sub-account: a grant for each permission", shareHolding).
			creating(),
		operation("DELETE", "/holdings/{kind}/{id}/shares/{share}", "unshareHolding", "Take a share of a resource back", unshareHolding),
		operation("POST", "/holdings/{kind}/{id}/management", "takeManagement", "Take the permissions to manage what a sub-account holds", takeManagement).
			creating(),
	}
}

// holding is a resource with the account that holds it.
type holding struct {
	Kind    policy.Kind      `json:"kind"`
	ID      string           `json:"id" doc:"The host's own."`
	Account policy.AccountID `json:"account"`
	Since   time.Time        `json:"since" doc:"When the account got it."`
}

type holdingQuery struct {
	page
	Account policy.AccountID `query:"account" max:"255" doc:"Must hold it. Whoever may not see the accounts asks for their own alone."`
	Below   policy.AccountID `query:"below" max:"255" doc:"The holder must stand below this account."`
	Kind    policy.Kind      `query:"kind" max:"255"`
}

type holdingList struct {
	Holdings []holding `json:"holdings"`
	Next     string    `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

type claimRequest struct {
	Body struct {
		Kind policy.Kind `json:"kind" max:"255"`
		ID   string      `json:"id"`
	} `body:"application/json"`
}

// holdingPath is the request about one resource. Each of the two is one segment of the path, whatever is in it: an id
// with a slash is sent with %2F, and the ids . and .. with %2E. A slash alone is no segment to the mux.
type holdingPath struct {
	Kind policy.Kind `path:"kind"`
	ID   string      `path:"id"`
}

type transferRequest struct {
	holdingPath
	Body struct {
		To policy.AccountID `json:"to"`
	} `body:"application/json"`
}

type shareRequest struct {
	holdingPath
	Body struct {
		To          policy.AccountID    `json:"to"`
		Permissions []policy.Permission `json:"permissions" max:"255" doc:"Each takes the place of the account's share of the same permission."`
		Until       time.Time           `json:"until,omitzero" doc:"When the share ends. Defaults to never."`
	} `body:"application/json"`
}

type sharePath struct {
	holdingPath
	Share iam.GrantID `path:"share"`
}

func showHolding(h iam.Holding) holding {
	return holding{Kind: h.Kind, ID: h.ID, Account: h.Account, Since: h.Since.UTC()}
}

func listHoldings(c *call, in holdingQuery) (holdingList, error) {
	q := iam.HoldingQuery{Account: in.Account, Below: in.Below, Kind: in.Kind, Limit: in.size() + 1}
	after, err := c.after(in.page)
	if err == nil && after != "" {
		q.After, err = parseHoldingPosition(after)
	}
	if err != nil {
		return holdingList{}, err
	}
	found, err := c.actor.Holdings(c.r.Context(), q)
	if err != nil {
		return holdingList{}, err
	}
	found, next := cut(c, in.page, found, func(h iam.Holding) string { return holdingPosition(h.Position()) })
	return holdingList{list(found, showHolding), next}, nil
}

// holdingPosition writes a position for a cursor. No kind has a line break, whatever the ids have.
func holdingPosition(p iam.HoldingPosition) string { return string(p.Kind) + "\n" + p.ID }

// parseHoldingPosition reads what holdingPosition writes.
func parseHoldingPosition(text string) (iam.HoldingPosition, error) {
	kind, id, ok := strings.Cut(text, "\n")
	if !ok {
		return iam.HoldingPosition{}, errCursor
	}
	return iam.HoldingPosition{Kind: policy.Kind(kind), ID: id}, nil
}

// claimHolding refuses the one id that no path could name afterwards.
func claimHolding(c *call, in claimRequest) (holding, error) {
	if in.Body.ID == "/" {
		return holding{}, malformed("id", "a slash alone cannot be named in a path")
	}
	h, err := c.actor.Claim(c.r.Context(), in.Body.Kind, in.Body.ID)
	return showHolding(h), err
}

func releaseHolding(c *call, in holdingPath) (none, error) {
	return none{}, ofPath(c.actor.Release(c.r.Context(), in.Kind, in.ID))
}

func transferHolding(c *call, in transferRequest) (holding, error) {
	h, err := c.actor.Transfer(c.r.Context(), in.Kind, in.ID, in.Body.To)
	return showHolding(h), ofPath(err)
}

func listShares(c *call, in holdingPath) (grantList, error) {
	found, err := c.actor.Shares(c.r.Context(), in.Kind, in.ID)
	return grantList{list(found, showGrant)}, ofPath(err)
}

func shareHolding(c *call, in shareRequest) (grantList, error) {
	given, err := c.actor.Share(c.r.Context(), in.Kind, in.ID, iam.ShareParams{
		To: in.Body.To, Permissions: in.Body.Permissions, Until: in.Body.Until,
	})
	return grantList{list(given, showGrant)}, ofPath(err)
}

func unshareHolding(c *call, in sharePath) (none, error) {
	return none{}, ofPath(c.actor.Unshare(c.r.Context(), in.Kind, in.ID, in.Share))
}

func takeManagement(c *call, in holdingPath) (grantList, error) {
	taken, err := c.actor.TakeManagement(c.r.Context(), in.Kind, in.ID)
	return grantList{list(taken, showGrant)}, ofPath(err)
}

// ofPath makes a kind in the path that the system does not have what it is: a path that leads nowhere.
func ofPath(err error) error {
	var field *iam.FieldError
	if !errors.Is(err, iam.ErrForbidden) && errors.As(err, &field) && field.Field == "Kind" {
		return iam.ErrNotFound
	}
	return err
}
