package adminhttp

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func organizationRoutes() []route {
	return []route{
		operation("GET", "/organization", "getOrganization", "Get the organization of whoever asks", getOrganization),
		operation("PUT", "/organization", "updateOrganization", "Replace what the organization decides about itself", updateOrganization),
	}
}

type organization struct {
	ID           policy.OrgID     `json:"id"`
	Name         string           `json:"name"`
	Root         policy.AccountID `json:"root,omitempty" doc:"The root account."`
	Created      time.Time        `json:"created"`
	SecondFactor string           `json:"second_factor" enum:"system,required" doc:"As the system's rules say, or required of everybody."`
	Revision     int64            `json:"revision" doc:"Counts the changes of accounts, roles, bindings and grants."`
}

type organizationUpdate struct {
	Body struct {
		Name         string `json:"name"`
		SecondFactor string `json:"second_factor" enum:"system,required"`
	} `body:"application/json"`
}

func showOrganization(o iam.Organization) organization {
	shown := organization{
		ID: o.ID, Name: o.Name, Root: o.Root, Created: o.Created.UTC(), SecondFactor: "system", Revision: o.Revision,
	}
	if o.SecondFactor == iam.SecondFactorRequired {
		shown.SecondFactor = "required"
	}
	return shown
}

func getOrganization(c *call, _ none) (organization, error) {
	o, err := c.actor.Organization(c.r.Context())
	return showOrganization(o), err
}

func updateOrganization(c *call, in organizationUpdate) (organization, error) {
	params := iam.OrganizationParams{Name: in.Body.Name}
	if in.Body.SecondFactor == "required" {
		params.SecondFactor = iam.SecondFactorRequired
	}
	o, err := c.actor.UpdateOrganization(c.r.Context(), params)
	return showOrganization(o), err
}
