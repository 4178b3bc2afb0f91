package adminhttp

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func rootRoutes() []route {
	return []route{
		operation("GET", "/root-offer", "getRootOffer", "Get the offer of the root account that waits", getRootOffer),
		operation("PUT", "/root-offer", "offerRoot", "Offer the root account to another account", offerRoot).also(http.StatusTooManyRequests),
		operation("DELETE", "/root-offer", "withdrawRootOffer", "Take the offer back, or decline it", withdrawRootOffer),
		operation("POST", "/root-offer/accept", "acceptRoot", "Accept the root account", acceptRoot),
	}
}

type rootOffer struct {
	From    policy.AccountID `json:"from"`
	To      policy.AccountID `json:"to"`
	Created time.Time        `json:"created"`
	Expires time.Time        `json:"expires"`
}

type rootOfferRequest struct {
	Body struct {
		To policy.AccountID `json:"to"`
	} `body:"application/json"`
}

func showRootOffer(o iam.RootOffer) rootOffer {
	return rootOffer{From: o.From, To: o.To, Created: o.Created.UTC(), Expires: o.Expires.UTC()}
}

func getRootOffer(c *call, _ none) (rootOffer, error) {
	o, err := c.actor.RootOffer(c.r.Context())
	return showRootOffer(o), err
}

func offerRoot(c *call, in rootOfferRequest) (rootOffer, error) {
	if err := c.fresh(); err != nil {
		return rootOffer{}, err
	}
	o, err := c.actor.OfferRoot(c.r.Context(), in.Body.To)
	return showRootOffer(o), err
}

func withdrawRootOffer(c *call, _ none) (none, error) {
	return none{}, c.actor.WithdrawRootOffer(c.r.Context())
}

func acceptRoot(c *call, _ none) (account, error) {
	if err := c.fresh(); err != nil {
		return account{}, err
	}
	a, err := c.actor.AcceptRoot(c.r.Context())
	return showAccount(a), err
}
