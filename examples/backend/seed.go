package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// demo is an organisation as it is seeded. Its first person is root.
type demo struct {
	org         policy.OrgID
	name        string
	people      []person
	projects    []project
	deployments []deployment
}

type person struct {
	name  string
	role  policy.Role
	bound policy.ProjectID // "" for a role that holds in the whole organisation
}

// demos are two organisations, so that one can try the ids of the other.
var demos = []demo{
	{
		org: "acme", name: "Acme",
		people: []person{
			{name: "rosa", role: emqx.Root},
			{name: "ada", role: emqx.Administrator},
			{name: "paul", role: emqx.ProjectAdmin, bound: "plant"},
			{name: "uma", role: emqx.ProjectUser, bound: "plant"},
			{name: "carl", role: emqx.Accountant},
			{name: "otto", role: emqx.Auditor},
		},
		projects: []project{
			{ID: "plant", Name: "Plant", Note: "The machines of hall 3"},
			{ID: "lab", Name: "Lab", Note: "Where things may break"},
			{ID: "attic", Name: "Attic", Note: "Empty: it can be deleted"},
		},
		deployments: []deployment{
			{ID: "press-line", Project: "plant", Name: "Press line", Plan: "premium", Running: true, TLS: "1.3"},
			{ID: "paint-shop", Project: "plant", Name: "Paint shop", Plan: "dedicated", Running: true, TLS: "1.2"},
			{ID: "spare-robots", Project: "plant", Name: "Spare robots", Plan: "serverless", TLS: "1.3"},
			{ID: "testbed", Project: "lab", Name: "Testbed", Plan: "serverless", TLS: "1.3"},
		},
	},
	{
		org: "globex", name: "Globex",
		people: []person{
			{name: "gina", role: emqx.Root},
			{name: "gus", role: emqx.ProjectAdmin, bound: "refinery"},
		},
		projects:    []project{{ID: "refinery", Name: "Refinery"}},
		deployments: []deployment{{ID: "boiler", Project: "refinery", Name: "Boiler", Plan: "premium", Running: true, TLS: "1.3"}},
	},
}

// seed makes each organisation that is not there yet, in one transaction with its rows.
func (a *app) seed(ctx context.Context) error {
	for _, d := range demos {
		_, err := a.svc.System("demo seed").In(d.org).Organization(ctx)
		if errors.Is(err, iam.ErrNotFound) {
			err = a.transaction(ctx, func(t tables, svc *iam.Service) error { return d.seed(ctx, t, svc) })
		}
		if err == nil {
			err = a.givePasswords(ctx, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d demo) seed(ctx context.Context, t tables, svc *iam.Service) error {
	root := d.people[0].account(d.org)
	org, err := svc.System("demo seed").CreateOrganization(ctx, iam.CreateOrganizationParams{ID: d.org, Name: d.name, Root: &root})
	if err != nil {
		return err
	}
	sub, err := svc.Subject(ctx, org.Root)
	if err != nil {
		return err
	}
	for _, p := range d.people[1:] {
		account, _, err := svc.As(sub).CreateAccount(ctx, p.account(d.org))
		if err != nil {
			return err
		}
		if p.bound != "" {
			if err := svc.As(sub).Bind(ctx, iam.Binding{Account: account.ID, Role: p.role, Project: p.bound}); err != nil {
				return err
			}
		}
	}
	for _, row := range d.projects {
		row.Org = d.org
		if err := t.insert(ctx, &row); err != nil {
			return err
		}
	}
	for _, row := range d.deployments {
		row.Org = d.org
		if err := t.insert(ctx, &row); err != nil {
			return err
		}
	}
	return nil
}

func (p person) email(org policy.OrgID) string { return p.name + "@" + string(org) + ".example" }

func (p person) account(org policy.OrgID) iam.CreateAccountParams {
	return iam.CreateAccountParams{
		Email:   p.email(org),
		Roles:   []policy.Role{p.role},
		Active:  true,
		Profile: iam.Profile{Name: p.name},
	}
}

// guide prints who there is, and a few requests to try.
func (a *app) guide(out io.Writer, base string) error {
	fmt.Fprint(out, "\nWho there is, and what they sign in with:\n\n")
	for _, d := range demos {
		for _, p := range d.people {
			fmt.Fprintf(out, "  %-6s%-15s%-16s%-21s%s\n", p.name, p.role, p.login(d.org), p.email(d.org), p.password().Reveal())
		}
	}
	_, err := strings.NewReplacer("BASE", base).WriteString(out, `
Try:

  signed_in() { # who, where, of which organisation
    curl -s -H "Content-Type: application/json" -d '{"email": "'$1@$3.example'", "password": "'"$1 keeps nine blue lanterns"'", "bearer": true}' BASE$2 |
      sed -E 's/.*"token":"([^"]*)".*/Authorization: Bearer \1/'
  }
  rosa=$(signed_in rosa /login acme)
  uma=$(signed_in uma /o/acme/login acme)
  gina=$(signed_in gina /login globex)

  curl -H "$rosa" BASE/api/deployments                          # all four
  curl -H "$uma"  BASE/api/deployments                          # three: uma is bound to the plant
  curl -H "$uma"  BASE/api/projects/plant/permissions           # what a console draws for her
  curl -H "$uma"  -X POST BASE/api/deployments/press-line/stop  # 403: she may look, and not stop
  curl -H "$uma"  BASE/api/deployments/testbed                  # 404: in the lab, which she does not see
  curl -H "$gina" BASE/api/deployments/press-line               # 404: of another organisation
  curl -H "$rosa" -X POST BASE/api/deployments/press-line/stop  # done

And the page, with a browser: BASE/o/acme/login?next=/projects/plant
`)
	return err
}
