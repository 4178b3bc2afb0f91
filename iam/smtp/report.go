package smtp

import (
	"fmt"
	"strings"
	"time"
)

// StageName names a stage of a conversation with a mail server.
type StageName string

// The stages, in the order of StartTLS. With TLS the stage of that name follows TCP, and EHLO is said
// once; with Plain there is none.
const (
	StageSettings StageName = "settings" // nobody is asked yet
	StageDNS      StageName = "DNS"
	StageTCP      StageName = "TCP"
	StageGreeting StageName = "greeting" // the server speaks first
	StageEHLO     StageName = "EHLO"
	StageStartTLS StageName = "STARTTLS"
	StageTLS      StageName = "TLS"
	StageEHLOTLS  StageName = "EHLO in TLS" // what the server said before TLS is forgotten
	StageAuth     StageName = "AUTH"
	StageMailFrom StageName = "MAIL FROM"
	StageRcptTo   StageName = "RCPT TO"
	StageData     StageName = "DATA"
)

// Status is how a stage ended.
type Status string

// The statuses. No stage has the empty one.
const (
	Passed     Status = "passed"
	Failed     Status = "failed"
	NotReached Status = "not reached" // an earlier stage failed
	NotNeeded  Status = "not needed"  // the settings do without it
)

// Stage is one stage of a conversation.
type Stage struct {
	Name   StageName
	Status Status
	Took   time.Duration
	// Reply is what the server answered, code and text in one line, at most 400 bytes of it, without
	// control characters and without the password. DNS has the addresses here, TCP the one that
	// was connected to, and TLS the version and the certificate, also one that failed.
	Reply string
	// Err is nil unless Status is Failed; then it is a [*StageError].
	Err error
	// Hint says what a person should do about Err. It is empty without one.
	Hint string
}

// Report is what a conversation with a mail server came to, stage by stage in the order in which they
// happen. It has every stage, also those that were not reached. The zero Report is not OK.
type Report struct{ Stages []Stage }

// OK reports whether the server took the message: every stage passed or was not needed.
func (r Report) OK() bool {
	for _, s := range r.Stages {
		if s.Status != Passed && s.Status != NotNeeded {
			return false
		}
	}
	return len(r.Stages) > 0
}

// String is a table for a terminal or a log: a line for each stage, and a hint below the one that failed.
func (r Report) String() string {
	var b strings.Builder
	for _, s := range r.Stages {
		took := ""
		if s.Status == Passed || s.Status == Failed {
			took = s.Took.Round(time.Millisecond).String()
		}
		line := fmt.Sprintf("%-11s  %-11s  %7s  %s", s.Name, s.Status, took, s.outcome())
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if s.Hint != "" {
			fmt.Fprintf(&b, "%-11s  hint: %s\n", "", s.Hint)
		}
	}
	return b.String()
}

// outcome is what the server said, or what went wrong.
func (s Stage) outcome() string {
	if e, ok := s.Err.(*StageError); ok {
		return e.text()
	}
	return s.Reply
}
