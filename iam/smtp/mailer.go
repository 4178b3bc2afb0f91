package smtp

import (
	"cmp"
	"context"

	"github.com/castellan-iam/castellan/iam"
)

// Mailer sends mail through one server, each message over a connection of its own. It is safe for
// concurrent use.
type Mailer struct {
	server Server
	config Config
}

var _ iam.Mailer = (*Mailer)(nil)

// New makes a mailer. It connects to nobody; its error is that of [Server.Check].
func New(server Server, config Config) (*Mailer, error) {
	if err := server.Check(); err != nil {
		return nil, err
	}
	return &Mailer{server, config.withDefaults()}, nil
}

// Send hands a message to the server and returns its last reply, code and text: it names the message
// in the server's log.
//
// A message that cannot be sent is a [*iam.FieldError]; every other error is a [*StageError] that says
// how far it came. [iam.ErrBounced] are the first, and the server's refusal of the recipient or the text with
// a code of 5xx. A sender or a password that the server does not take, a certificate that does not
// verify or a missing STARTTLS is the server's fault or its settings', not the message's: it bounces
// nothing. Where the connection broke after the text, the server may have the message: it is sent
// again, with the same Message-ID.
func (m *Mailer) Send(ctx context.Context, msg iam.Message) (reply string, err error) {
	mail, err := m.letter(msg)
	if err != nil {
		return "", err
	}
	stages := converse(ctx, m.server, m.config, func() (letter, error) { return mail, nil })
	for _, s := range stages {
		if s.Err != nil {
			return "", s.Err
		}
	}
	return stages[len(stages)-1].Reply, nil
}

func (m *Mailer) letter(msg iam.Message) (letter, error) {
	from, ok := parseSender(cmp.Or(msg.From, m.server.From))
	if !ok {
		return letter{}, unsendable("From", wantSender)
	}
	text, err := compose(msg, from, m.config.Now())
	return letter{from.email, msg.To, text}, err
}
