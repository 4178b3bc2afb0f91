package store_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
)

// author lives through the same days on every database, so that what it leaves there is a fixture: its clock is its
// own, and its ids, salts and tokens come from one seed.
type author struct {
	*testing.T
	db      *gorm.DB
	st      *store.Store
	now     time.Time
	systems map[string]*iam.Service
	orgs    []policy.OrgID
	system  map[policy.OrgID]string
	ids     map[string]policy.AccountID // by name
	handles map[string]string           // what people keep: passwords, tokens, secrets
	signin  letIn
}

// released is when the authors begin.
var released = time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC)

// newAuthor returns one that has done nothing. Whoever goes on with what an author of another version has left
// gives another seed.
func newAuthor(t *testing.T, db *gorm.DB, now time.Time, seed byte) *author {
	t.Helper()
	a := &author{
		T: t, db: db, st: store.New(db), now: now, systems: make(map[string]*iam.Service),
		system: make(map[policy.OrgID]string), ids: make(map[string]policy.AccountID), handles: make(map[string]string),
	}
	config := a.config()
	config.Now, config.Rand = func() time.Time { return a.now }, rand.NewChaCha8([32]byte{'r', 'o', 'w', 's', seed})
	for _, system := range []iam.System{emqx.System(), devicehub.System(), lanit.System()} {
		svc, err := iam.New(a.st, system, config)
		a.ok(err)
		a.systems[system.Name] = svc
	}
	a.signin = newLetIn(a)
	return a
}

func (a *author) clock() time.Time { return a.now }

func (a *author) ok(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

// ctx is the context of a request. A second passes before each.
func (a *author) ctx() context.Context {
	a.now = a.now.Add(time.Second)
	return origin(a.Context(), netip.MustParseAddr("192.0.2.7"))
}

func (a *author) svc(org policy.OrgID) *iam.Service { return a.systems[a.system[org]] }

func (a *author) bypass(org policy.OrgID) iam.Actor {
	return a.svc(org).System("it's a \"seed\" \\ 100 %").In(org)
}

// as is the actor of an account, loaded anew.
func (a *author) as(org policy.OrgID, name string) iam.Actor {
	a.Helper()
	sub, err := a.svc(org).Subject(a.ctx(), a.ids[name])
	a.ok(err)
	return a.svc(org).As(sub)
}

func (a *author) found(system string, org policy.OrgID, root, email string) {
	a.Helper()
	a.orgs, a.system[org] = append(a.orgs, org), system
	params := iam.CreateOrganizationParams{ID: org, Name: string(org) + " & Söhne"}
	if root != "" {
		params.Root = &iam.CreateAccountParams{Email: email, Profile: iam.Profile{Name: root}}
	}
	o, err := a.systems[system].System("onboarding").CreateOrganization(a.ctx(), params)
	a.ok(err)
	if root != "" {
		a.ids[root] = o.Root
	}
}

// hire makes an account that is active, created by another one, or by the system.
func (a *author) hire(org policy.OrgID, by, name string, roles ...policy.Role) {
	a.Helper()
	a.create(org, by, name, true, roles...)
}

func (a *author) create(org policy.OrgID, by, name string, active bool, roles ...policy.Role) {
	a.Helper()
	actor := a.bypass(org)
	if by != "" {
		actor = a.as(org, by)
	}
	made, _, err := actor.CreateAccount(a.ctx(), iam.CreateAccountParams{
		Email: name + "@" + string(org) + ".example", Roles: roles, Active: active, Profile: iam.Profile{Name: name},
	})
	a.ok(err)
	a.ids[name] = made.ID
}

// live does everything that the program can do, and leaves the rows of it.
func (a *author) live() {
	a.liveInAcme()
	a.found("emqx", "bare", "", "")
	a.hire("bare", "", "ben", emqx.Administrator)
	a.liveInHub()
	a.liveInLanit()
	a.letPeopleIn()
	a.holdThings()
}

// liveInAcme is about roles, projects and grants; eve, who created orf, goes.
func (a *author) liveInAcme() {
	a.found("emqx", "acme", "ada", "ada@acme.example")
	a.hire("acme", "ada", "adam", emqx.Administrator)
	a.hire("acme", "ada", "pia", emqx.ProjectAdmin)
	a.hire("acme", "adam", "uma", emqx.ProjectUser, emqx.Accountant)
	a.hire("acme", "", "aud", emqx.Auditor)
	a.hire("acme", "adam", "dis", emqx.ProjectUser)
	a.create("acme", "adam", "pen", false, emqx.Auditor)
	a.hire("acme", "ada", "eve", emqx.Administrator)
	a.hire("acme", "eve", "orf", emqx.ProjectUser)
	root := a.as("acme", "ada")
	bind := func(name string, role policy.Role, projects ...policy.ProjectID) {
		a.Helper()
		for _, p := range projects {
			a.ok(root.Bind(a.ctx(), iam.Binding{Account: a.ids[name], Role: role, Project: p}))
		}
	}
	bind("pia", emqx.ProjectAdmin, "p1", "p2", "gone")
	bind("uma", emqx.ProjectUser, "p1")
	bind("dis", emqx.ProjectUser, "p1", "p2")
	a.ok(root.Unbind(a.ctx(), iam.Binding{Account: a.ids["dis"], Role: emqx.ProjectUser, Project: "p2"}))
	for _, p := range []policy.ProjectID{"open", "closed", "gone"} {
		a.ok(root.OpenProject(a.ctx(), p))
	}
	a.ok(root.CloseProject(a.ctx(), "closed"))
	grant := func(name string, g policy.Grant) iam.GrantID {
		a.Helper()
		given, err := root.GiveGrant(a.ctx(), a.ids[name], g)
		a.ok(err)
		return given.ID
	}
	grant("uma", policy.GrantPermission(emqx.DeploymentStartStop, policy.AtResource("acme", emqx.Deployment, "d'1")))
	grant("uma", policy.GrantPermission(emqx.DeploymentRename, policy.AtProject("acme", "p2")).Until(released.Add(1000*time.Hour)))
	grant("uma", policy.GrantPermission(emqx.DeploymentDelete, policy.AtProject("acme", "p2")).Until(a.now.Add(2*time.Minute)))
	grant("aud", policy.GrantRole(emqx.ProjectAdmin, policy.AtOrg("acme")).Until(released.Add(1000*time.Hour)))
	grant("dis", policy.GrantPermission(emqx.DeploymentView, policy.AtOrg("acme")))
	grant("pia", policy.GrantPermission(emqx.DeploymentView, policy.AtProject("acme", "gone")))
	a.ok(root.RevokeGrant(a.ctx(), grant("pia", policy.GrantPermission(emqx.DeploymentView, policy.AtOrg("acme")))))
	a.ok(root.ForgetProject(a.ctx(), "gone"))
	a.now = a.now.Add(3 * time.Minute) // a grant ends
	_, err := root.Disable(a.ctx(), a.ids["dis"])
	a.ok(err)
	_, _, err = root.SetRoles(a.ctx(), a.ids["orf"], emqx.ProjectUser, emqx.Auditor)
	a.ok(err)
	_, err = a.as("acme", "adam").UpdateProfile(a.ctx(), a.ids["uma"], iam.Profile{
		Name: "Uma O'Brien", Username: "uma\\um", Phone: "+7 495 000", Company: "Ä & Co", Note: "50 % \"off\"; 日本",
	})
	a.ok(err)
	a.ok(root.Delete(a.ctx(), a.ids["eve"]))
}

// liveInHub is about a tree of accounts, from which mid goes.
func (a *author) liveInHub() {
	a.found("devicehub", "hub", "dora", "dora@hub.example")
	a.found("devicehub", "nest", "nora", secondRootEmail)
	a.hire("hub", "dora", "sam", devicehub.SuperAdmin)
	a.hire("hub", "sam", "abe", devicehub.Admin)
	a.hire("hub", "abe", "bob", devicehub.Basic)
	a.hire("hub", "sam", "mid", devicehub.Admin)
	a.hire("hub", "mid", "low", devicehub.Basic)
	_, err := a.as("hub", "dora").GiveGrant(a.ctx(), a.ids["low"], policy.GrantPermission(devicehub.DeviceReboot, policy.AtOrg("hub")))
	a.ok(err)
	owned := devicehub.Device.In("hub", "").Named("own").OwnedBy(a.ids["abe"])
	_, err = a.as("hub", "abe").GiveGrantOn(a.ctx(), a.ids["bob"], devicehub.DeviceView, owned, released.Add(1000*time.Hour))
	a.ok(err)
	a.ok(a.as("hub", "dora").Delete(a.ctx(), a.ids["mid"]))
}

func (a *author) liveInLanit() {
	a.found("lanit", "cloud", "lena", "lena@cloud.example")
	a.hire("cloud", "lena", "lev", lanit.Admin)
	a.hire("cloud", "lev", "mia", lanit.Member)
	a.hire("cloud", "lev", "bea", lanit.BillingRole)
	_, err := a.as("cloud", "lev").GiveGrant(a.ctx(), a.ids["mia"], policy.GrantPermission(lanit.ResourceEdit, policy.AtResource("cloud", lanit.Resource, "r1")))
	a.ok(err)
}
