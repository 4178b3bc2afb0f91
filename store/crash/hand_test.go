package crash_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// hand is one of the goroutines of a process that writes. Its people, projects, resources and keys are its own:
// beside it nobody changes them, so that what it was told last is what there must be.
type hand struct {
	*host
	process string // distinguishes the calls of all processes; up to a dot, those that write at once
	number  int
	of      int // how many hands the process has
	chance  *rand.Rand
	calls   int
	orgs    []*organization
}

// organization is what a hand has in an organisation.
type organization struct {
	id      policy.OrgID
	root    policy.AccountID
	people  []*person
	open    []policy.ProjectID
	devices []*device
	keys    []iam.APIKeyID
}

type person struct {
	id       policy.AccountID
	email    string
	status   iam.Status
	roles    []policy.Role
	invited  bool      // and has not accepted
	link     iam.Token // of the invitation
	knows    bool      // the password
	bound    []iam.Binding
	grants   []iam.Grant
	quota    bool
	sessions []iam.Token
}

type device struct {
	id     string
	holder policy.AccountID
	shares []iam.Grant
}

// call is one call of the library that a hand has in mind.
type call struct {
	act     string
	request string // its id in every event that it writes
	org     *organization
	must    []iam.EventType // the events that it writes, others may be among them
	// touches are the beginnings of the facts' names that the call may change.
	touches []string
	// do makes the call, and returns what is a fact from then on.
	do func(ctx context.Context, a iam.Actor) (facts, error)
	// as is who acts. Defaults to the organisation's root account.
	as func(ctx context.Context) (iam.Actor, error)

	target *person     // that was made for the call
	share  iam.GrantID // likewise
}

// facts are what there is in an organisation, by name. What is not there is "".
type facts map[string]string

// memory is how many of its people in an organisation a hand goes on with when a process has begun.
const memory = 6

// recall looks up what the hand of that number has in an organisation, whichever process it was in.
func (h *hand) recall(ctx context.Context, id policy.OrgID) error {
	made, err := h.st.Organization(ctx, id)
	if err != nil {
		return err
	}
	org := &organization{id: id, root: made.Root}
	system := h.svc.System("recall").In(id)
	all, err := everybody(ctx, system)
	if err != nil {
		return err
	}
	slices.Reverse(all) // the newest first
	for _, a := range all {
		if a.Root || !h.owns(string(a.ID)) || h.made(a) || len(org.people) == memory {
			continue
		}
		p := &person{id: a.ID, email: string(a.Email), status: a.Status, roles: a.Roles}
		p.invited = a.Status == iam.Pending
		p.knows = !strings.HasPrefix(p.email, "made-") && !a.Activated.IsZero()
		if p.bound, err = system.Bindings(ctx, a.ID); err != nil {
			return err
		}
		given, err := system.Grants(ctx, a.ID)
		if err != nil {
			return err
		}
		for _, g := range given {
			if g.Grant.At.Kind == "" {
				p.grants = append(p.grants, g)
			}
		}
		held, err := system.Holdings(ctx, iam.HoldingQuery{Account: a.ID})
		if err != nil {
			return err
		}
		for _, d := range held {
			org.devices = append(org.devices, &device{id: d.ID, holder: a.ID})
		}
		org.people = append(org.people, p)
	}
	h.orgs = append(h.orgs, org)
	return nil
}

// everybody lists all accounts of an organisation.
func everybody(ctx context.Context, a iam.Actor) ([]iam.Account, error) {
	var all []iam.Account
	q := iam.AccountQuery{Limit: 1000}
	for {
		page, err := a.Accounts(ctx, q)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all, q.After = append(all, page...), page[len(page)-1].ID
	}
}

// owns reports whether something with that id is this hand's, in every process.
func (h *hand) owns(id string) bool {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id))
	return int(sum.Sum32()%uint32(h.of)) == h.number
}

// made reports whether an account is new since the processes have begun that write at the moment: its hand is at
// work with it.
func (h *hand) made(a iam.Account) bool {
	round, _, _ := strings.Cut(h.process, ".")
	return strings.Contains(string(a.Email), "-"+round+".")
}

// joining is how somebody comes in and goes: each step needs the one before, so that chance alone seldom gets there.
var joining = []string{"Invite", "InvitationLink", "Accept", "SignIn", "SignOut", "EndSessions"}

// next chooses what the hand does next.
func (h *hand) next() *call {
	for {
		name := pick(h, shared)
		if h.chance.IntN(4) == 0 {
			name = pick(h, joining)
		}
		if c := h.plan(name, pick(h, h.orgs)); c != nil {
			return c
		}
	}
}

// plan prepares a call, and returns nil when there is nothing that it could be made with.
func (h *hand) plan(name string, org *organization) *call {
	h.calls++
	c := &call{act: name, request: fmt.Sprintf("%s-%d-%d", h.process, h.number, h.calls), org: org}
	if !acts[name](h, org, c) {
		return nil
	}
	if c.as == nil {
		c.as = func(ctx context.Context) (iam.Actor, error) {
			sub, err := h.svc.Subject(ctx, org.root)
			return h.svc.As(sub), err
		}
	}
	return c
}

// run makes the call. One that comes too often is refused: it has changed nothing.
func (h *hand) run(ctx context.Context, c *call) (now facts, refused bool, err error) {
	peer := netip.AddrFrom4([4]byte{192, 0, 2, byte(h.number)})
	ctx = iam.WithOrigin(ctx, iam.Origin{Peer: peer, Request: c.request, Agent: "crash/1.0"})
	actor, err := c.as(ctx)
	if err != nil {
		return nil, false, err
	}
	now, err = c.do(ctx, actor)
	if errors.Is(err, iam.ErrThrottled) {
		return nil, true, nil
	}
	return now, false, err
}

// pick chooses one.
func pick[T any](h *hand, from []T) T { return from[h.chance.IntN(len(from))] }

// someone returns one of the hand's people that is fit, or nil.
func (h *hand) someone(org *organization, fit func(p *person) bool) *person {
	var found []*person
	for _, p := range org.people {
		if fit(p) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return pick(h, found)
}

func active(p *person) bool { return p.status == iam.Active }

// worker is somebody who can be bound to projects.
func worker(p *person) bool {
	return active(p) && slices.Contains(p.roles, emqx.ProjectUser)
}

// forget removes who was deleted.
func (org *organization) forget(p *person) {
	org.people = slices.DeleteFunc(org.people, func(q *person) bool { return q == p })
}

func (org *organization) holds(p *person) bool {
	return slices.ContainsFunc(org.devices, func(d *device) bool { return d.holder == p.id })
}

func aboutAccount(p *person, what ...string) string {
	return strings.Join(append([]string{"account", string(p.id)}, what...), "/")
}
