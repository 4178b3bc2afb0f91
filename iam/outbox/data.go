package outbox

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// Data is what a mail is about. A template sees the fields by their names. Which ones a mail needs
// stands at its [Name]; the others may be zero.
//
// Texts are hostile, but for Product: whoever names an organisation, a role or themselves writes a
// piece of a mail that goes out in the host's name. A template gets them on one line, without control
// characters and reordering marks, cut after 80 characters, and with what a mail program would turn
// into a link taken apart: evil.example becomes evil[.]example (SB-84, SB-93). Links come from Link
// and LoginAddress alone, which the caller builds on the host's configured address (SB-94).
type Data struct {
	// Product is what the host calls itself. It is the host's word and is not taken apart.
	Product string
	// Organization is the name of the organisation that the account is in.
	Organization string
	// Recipient is who gets the mail.
	Recipient Person
	// Actor is who did what the mail is about. A template sees nil for the system.
	Actor Person
	// Owner is who owns the organisation from now on. A template sees nil for none.
	Owner Person
	// OldEmail and NewEmail are an account's address before and after a change.
	OldEmail, NewEmail iam.Email
	// Roles are the titles of the account's roles.
	Roles []string
	// Link is the address to follow: http or https. It has a token in it, and is a Secret so that
	// neither a log nor a stored row gets to see it (SB-98). A template sees the text.
	Link iam.Secret
	// LoginAddress is where the account signs in: http or https.
	LoginAddress string
	// Expires is when Link ceases to work, or a lock ends; templates see it in UTC.
	Expires time.Time
	// Lifetime is how long Link works as of its making.
	Lifetime time.Duration
	// Time is when it happened; templates see it in UTC.
	Time time.Time
	// Peer is the network address that a request came from.
	Peer string
	// InitialPassword says that the account's creator has set its first password (E8). Otherwise the
	// account's holder chooses it (L5).
	InitialPassword bool
	// CodesLeft is how many recovery codes can still be used.
	CodesLeft int
}

// Person is somebody in a mail. A template prints one as Ann Lee (ann@example.com), or has the
// fields. The zero Person is nobody.
type Person struct {
	Name  string
	Email iam.Email
}

// check reports what the mail needs and the data lacks, or has wrong.
func (d Data) check(name Name) error {
	zero := map[string]bool{
		"Product": oneLine(d.Product, maxText) == "", "Organization": oneLine(d.Organization, maxText) == "",
		"Recipient.Email": d.Recipient.Email == "", "Owner": d.Owner == Person{},
		"OldEmail": d.OldEmail == "", "NewEmail": d.NewEmail == "",
		"Link": d.Link.IsZero(), "LoginAddress": d.LoginAddress == "",
		"Expires": d.Expires.IsZero(), "Lifetime": d.Lifetime <= 0, "Time": d.Time.IsZero(),
	}
	for _, field := range name.needs() {
		if zero[field] {
			return fmt.Errorf("outbox: %s: Data.%s is missing", name, field)
		}
	}
	if !zero["Link"] && !isAddress(d.Link.Reveal()) {
		return fmt.Errorf("outbox: %s: Data.Link is no http or https address", name)
	}
	if !zero["LoginAddress"] && !isAddress(d.LoginAddress) {
		return fmt.Errorf("outbox: %s: Data.LoginAddress is no http or https address", name)
	}
	if d.CodesLeft < 0 {
		return fmt.Errorf("outbox: %s: Data.CodesLeft is negative", name)
	}
	return nil
}

const maxAddress = 2000 // bytes: what every mail program and browser follows

// isAddress reports whether a text is an address that reads the same in a text, in an attribute and
// to a browser.
func isAddress(s string) bool {
	if len(s) > maxAddress || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"'<>\^{|}`+"`", r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil
}
