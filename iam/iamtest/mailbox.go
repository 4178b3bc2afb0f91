package iamtest

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"github.com/castellan-iam/castellan/iam"
)

// Mailbox is an iam.Mailer that keeps what it is to send. It is safe for concurrent use.
type Mailbox struct {
	mu   sync.Mutex
	sent []iam.Message
}

// Send keeps the message. It never fails.
func (b *Mailbox) Send(_ context.Context, m iam.Message) (reply string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, m)
	return "250 kept", nil
}

// Messages returns what was sent, the oldest first.
func (b *Mailbox) Messages() []iam.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// To returns what was sent to an address, the oldest first.
func (b *Mailbox) To(email iam.Email) []iam.Message {
	return slices.DeleteFunc(b.Messages(), func(m iam.Message) bool { return m.To != email })
}

var address = regexp.MustCompile(`https?://[^\s<>"]+`)

// LinkOf returns the address with a token in the text of a mail, and "" when there is none.
func LinkOf(m iam.Message) string {
	for _, link := range address.FindAllString(m.Text, -1) {
		if !tokenOf(link).IsZero() {
			return link
		}
	}
	return ""
}

// tokenOf is the token in a link.
func tokenOf(link string) iam.Token {
	u, err := url.Parse(link)
	if err != nil {
		return iam.Token{}
	}
	return iam.ParseToken(u.Query().Get("token"))
}
