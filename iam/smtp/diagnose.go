package smtp

import (
	"context"
	"fmt"

	"github.com/castellan-iam/castellan/iam"
)

// Diagnose sends a message with a fixed text to one address, and reports how each stage of it went
// and what to do about the one that failed (D3). A server that hangs ends the report at Config.Timeout.
//
// Who may call it, and how often, is the host's to say: the recipient has to be the caller's own
// address, and hosts whose customers choose the server set Config.Allow (SB-96).
func Diagnose(ctx context.Context, server Server, to iam.Email, config Config) Report {
	config = config.withDefaults()
	stages := converse(ctx, server, config, func() (letter, error) { return testLetter(server, to, config) })
	for i := range stages {
		if failure, ok := stages[i].Err.(*StageError); ok {
			stages[i].Hint = bounded(printable(hint(failure, server)))
		}
	}
	return Report{stages}
}

func testLetter(server Server, to iam.Email, config Config) (letter, error) {
	m := &Mailer{server, config}
	return m.letter(iam.Message{
		ID:      fmt.Sprintf("test-%d", config.Now().UnixNano()),
		To:      to,
		Subject: "Test of the outgoing mail server",
		Text:    "Somebody asked for a test of the outgoing mail server. You are reading it: the server works.\n",
	})
}
