package outbox

import (
	"net/netip"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// view is the data as a template sees it: harmless.
type view struct {
	Language              string // of the template: for the attribute lang
	Product, Organization string
	Recipient             person
	Actor, Owner          *person // nil for nobody, which if and with take for false
	OldEmail, NewEmail    string
	Roles                 []string
	Link, LoginAddress    string
	Expires, Time         time.Time
	Lifetime              time.Duration
	Peer                  string
	InitialPassword       bool
	CodesLeft             int
}

func (d Data) view(language string) view {
	return view{
		Language: language, Product: oneLine(d.Product, maxText), Organization: harmless(d.Organization),
		Recipient: d.Recipient.view(), Actor: d.Actor.viewOrNil(), Owner: d.Owner.viewOrNil(),
		OldEmail: harmlessEmail(d.OldEmail), NewEmail: harmlessEmail(d.NewEmail), Roles: harmlessRoles(d.Roles),
		Link: d.Link.Reveal(), LoginAddress: d.LoginAddress,
		Expires: d.Expires.UTC(), Time: d.Time.UTC(), Lifetime: d.Lifetime,
		Peer: harmlessPeer(d.Peer), InitialPassword: d.InitialPassword, CodesLeft: d.CodesLeft,
	}
}

const maxRoles = 20

func harmlessRoles(titles []string) []string {
	var roles []string
	for _, title := range titles {
		if len(roles) == maxRoles {
			return append(roles, ellipsis)
		}
		if role := harmless(title); role != "" {
			roles = append(roles, role)
		}
	}
	return roles
}

// harmlessEmail keeps an address that mail programs take for an address, and takes others apart:
// www.evil.example/x@a.example is an address too, and they may take its front for a link.
func harmlessEmail(e iam.Email) string {
	local, _, _ := strings.Cut(string(e), "@")
	odd := strings.ContainsFunc(local, func(r rune) bool { return !isWord(r) && !strings.ContainsRune("._+-", r) })
	if canonical, err := iam.ParseEmail(string(e)); err != nil || canonical != e || odd || strings.HasPrefix(local, "www.") {
		return harmless(string(e))
	}
	return string(e)
}

// harmlessPeer takes an IPv4 address apart: some mail programs make a link of it, and who asks from
// it may well have a web server there. No program does so with an IPv6 address.
func harmlessPeer(s string) string {
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() && !a.Is4In6() && a.Zone() == "" {
		return a.String()
	}
	return harmless(s)
}

// Button is what layout.html makes a button of: the mail's link under a label.
func (v view) Button(label string) button { return button{label, v.Link} }

type button struct{ Label, Link string }

type person struct{ Name, Email string }

func (p Person) view() person { return person{harmless(p.Name), harmlessEmail(p.Email)} }

func (p Person) viewOrNil() *person {
	if v := p.view(); v != (person{}) {
		return &v
	}
	return nil
}

// String returns Ann Lee (ann@example.com), or the one part that there is.
func (p person) String() string {
	switch {
	case p.Name == "":
		return p.Email
	case p.Email == "":
		return p.Name
	default:
		return p.Name + " (" + p.Email + ")"
	}
}
