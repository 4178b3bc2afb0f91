package iam

import (
	"context"
	"errors"
)

// Message is one mail, ready to be sent.
type Message struct {
	// ID is the same each time the message is tried, and no other message has it: it becomes the
	// Message-ID, by which a receiver tells a duplicate.
	ID      string
	From    string // "" for the mailer's own; an address, or a name with one: Acme <no-reply@acme.example>
	To      Email
	Subject string
	Text    string
	HTML    string // "" for a mail of text alone
}

// Mailer sends mail. Package iam/smtp has one.
type Mailer interface {
	// Send hands a message to a mail server, and returns the server's reply. An error that is
	// ErrBounced will be the same next time; after any other the message is tried again.
	Send(ctx context.Context, m Message) (reply string, err error)
}

// ErrBounced says that a mail server refused a message for good.
var ErrBounced = errors.New("iam: the mail server refused the message for good")
