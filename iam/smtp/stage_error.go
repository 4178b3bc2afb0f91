package smtp

import (
	"fmt"

	"github.com/castellan-iam/castellan/iam"
)

// StageError says at which stage a conversation ended, and why. Its text never has the password.
type StageError struct {
	Stage StageName
	// Code is the server's reply code, and 0 where it gave none.
	Code int
	// Reply is as in [Stage]: empty where the server gave none.
	Reply string
	// Err is the cause: of the network, of TLS, of the context, or that the server refused.
	Err error
}

// Error names the stage, the cause and the reply.
func (e *StageError) Error() string { return fmt.Sprintf("smtp: %s: %s", e.Stage, e.text()) }

// text is the reply where it says all, and else the cause first.
func (e *StageError) text() string {
	cause := bounded(printable(e.Err.Error()))
	switch {
	case e.Reply == "":
		return cause
	case e.Err == errRefused:
		return e.Reply
	default:
		return cause + ": " + e.Reply
	}
}

// Is makes it an [iam.ErrBounced] where the server refused the message for good.
func (e *StageError) Is(target error) bool { return target == iam.ErrBounced && e.bounced() }

// Unwrap returns Err.
func (e *StageError) Unwrap() error { return e.Err }

// bounced: only what a server answers to the message itself is about the message. That it wants
// another password or TLS first it may say at any stage (RFC 4954, 6): the next server may not.
func (e *StageError) bounced() bool {
	switch e.Stage {
	case StageRcptTo, StageData:
	default:
		return false // a sender that the server does not take is a mistake in the settings: it will be mended
	}
	switch e.Code {
	case codeAuthRequired, codeMechanismTooWeak, codeBadCredentials, codeEncryptionRequired:
		return false
	}
	return e.Code >= 500
}

// Codes that mean AUTH or TLS at whatever stage they come.
const (
	codeAuthRequired       = 530
	codeMechanismTooWeak   = 534
	codeBadCredentials     = 535
	codeEncryptionRequired = 538
)
