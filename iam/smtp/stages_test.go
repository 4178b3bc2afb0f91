package smtp_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// misbehaviors are tried at each stage.
var misbehaviors = []struct {
	name    string
	how     func(*peer) bool
	code    int  // of the reply; TLS has none
	timeout bool // the stage ends with the time
}{
	{"drops the connection", drops, 0, false},
	{"never answers", hangs, 0, true},
	{"answers 4xx", says("451 4.3.0 Not now\r\n"), 451, false},
	{"answers 5xx", says("550 5.0.0 Never\r\n"), 550, false},
	{"answers 5xx in lines", says("550-5.0.0 Never\r\n550 5.0.0 ever\r\n"), 550, false},
	{"wants a password", says("530 5.7.0 Authentication required\r\n"), 530, false},
	{"answers what does not belong there", says("299 Odd\r\n"), 299, false},
	{"answers garbage", says("HTTP/1.1 400 Bad Request\r\n\r\n"), 0, false},
	{"answers bytes", says("\x00\xff\x16\x03\r\n"), 0, false},
	{"answers within a line", func(p *peer) bool { p.say("250 o"); return false }, 0, false},
	{"answers an endless line", says("250 " + strings.Repeat("a", 1<<20)), 0, false},
	{"answers endless lines", says(strings.Repeat("250-a\r\n", 10_000)), 0, false},
	{"answers two codes", says("250-a\r\n550 b\r\n"), 0, false},
}

var stagesOf = map[smtp.Security][]smtp.StageName{
	smtp.StartTLS: {
		smtp.StageSettings, smtp.StageDNS, smtp.StageTCP, smtp.StageGreeting, smtp.StageEHLO, smtp.StageStartTLS,
		smtp.StageTLS, smtp.StageEHLOTLS, smtp.StageAuth, smtp.StageMailFrom, smtp.StageRcptTo, smtp.StageData,
	},
	smtp.TLS: {
		smtp.StageSettings, smtp.StageDNS, smtp.StageTCP, smtp.StageTLS, smtp.StageGreeting, smtp.StageEHLO,
		smtp.StageAuth, smtp.StageMailFrom, smtp.StageRcptTo, smtp.StageData,
	},
	smtp.Plain: {
		smtp.StageSettings, smtp.StageDNS, smtp.StageTCP, smtp.StageGreeting, smtp.StageEHLO,
		smtp.StageAuth, smtp.StageMailFrom, smtp.StageRcptTo, smtp.StageData,
	},
}

// D3: whatever a server does wrong, at whichever stage, the report names that stage, and the mailer
// knows whether to try again.
func TestEachStageEachMisbehavior(t *testing.T) {
	t.Parallel()
	for security, stages := range stagesOf {
		for _, at := range append(slices.Clone(stages[3:]), stageText) {
			if security == smtp.Plain && at == smtp.StageAuth {
				continue
			}
			for _, m := range misbehaviors {
				if m.code == 299 && at != smtp.StageData {
					continue // any 2xx will do elsewhere
				}
				t.Run(string(security)+"/"+string(at)+"/"+m.name, func(t *testing.T) {
					t.Parallel()
					server := newScripted(t, security)
					server.at, server.how = at, m.how
					want := failure{stages: stages, at: at, code: m.code, timeout: m.timeout}
					if at == stageText {
						want.at = smtp.StageData
					}
					if at == smtp.StageTLS {
						want.code = 0
					}
					synctest.Test(t, func(t *testing.T) { want.check(t, server) })
				})
			}
		}
	}
}

// failure is how a conversation is wanted to fail.
type failure struct {
	stages  []smtp.StageName
	at      smtp.StageName
	code    int
	timeout bool
}

func (f failure) check(t *testing.T, server *scripted) {
	t.Helper()
	start := time.Now()
	report := smtp.Diagnose(context.Background(), server.settings(), ann, server.config())
	if took := time.Since(start); f.timeout != (took >= timeout) || took > timeout+5*time.Second {
		t.Errorf("took %s, want a timeout: %v", took, f.timeout)
	}
	f.checkReport(t, report)

	mailer, err := smtp.New(server.settings(), server.config())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := mailer.Send(context.Background(), iam.Message{ID: "1", To: ann, Subject: "Hello", Text: "Hello"})
	var stage *smtp.StageError
	if reply != "" || !errors.As(err, &stage) || stage.Stage != f.at || stage.Code != f.code {
		t.Fatalf("Send: got %q, %v; want a StageError at %s with code %d", reply, err, f.at, f.code)
	}
	aboutMessage := f.at == smtp.StageRcptTo || f.at == smtp.StageData
	if got, want := errors.Is(err, iam.ErrBounced), f.code == 550 && aboutMessage; got != want {
		t.Errorf("Send: bounced: %v, want %v: %v", got, want, err)
	}
	if f.timeout && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send: got %v, want the context's error", err)
	}
	if strings.Contains(err.Error()+report.String(), canary) {
		t.Errorf("the password is shown: %v\n%s", err, report)
	}
}

func (f failure) checkReport(t *testing.T, report smtp.Report) {
	t.Helper()
	if report.OK() {
		t.Errorf("the report is OK:\n%s", report)
	}
	want := smtp.Passed
	for i, stage := range report.Stages {
		if i >= len(f.stages) || stage.Name != f.stages[i] {
			t.Fatalf("got stages\n%s\nwant %q", report, f.stages)
		}
		if stage.Name == f.at {
			want = smtp.Failed
		}
		if stage.Status != want && (want != smtp.Passed || stage.Status != smtp.NotNeeded) {
			t.Errorf("%s: got %q, want %q:\n%s", stage.Name, stage.Status, want, report)
		}
		if failed := want == smtp.Failed; failed != (stage.Err != nil) || failed != (stage.Hint != "") {
			t.Errorf("%s: got error %v, hint %q", stage.Name, stage.Err, stage.Hint)
		}
		if want == smtp.Failed {
			want = smtp.NotReached
		}
	}
}

// A server that behaves lets each of the securities pass, and the mailer has its last reply.
func TestEverySecurityPasses(t *testing.T) {
	t.Parallel()
	for security, stages := range stagesOf {
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			server := newScripted(t, security)
			synctest.Test(t, func(t *testing.T) {
				report := smtp.Diagnose(context.Background(), server.settings(), ann, server.config())
				if !report.OK() || len(report.Stages) != len(stages) {
					t.Errorf("got\n%s", report)
				}
				mailer, err := smtp.New(server.settings(), server.config())
				if err != nil {
					t.Fatal(err)
				}
				got, err := mailer.Send(context.Background(), iam.Message{ID: "1", To: ann, Text: "Hello"})
				if want := "250 2.0.0 queued as 42"; got != want || err != nil {
					t.Errorf("Send: got %q, %v; want %q", got, err, want)
				}
			})
			if all, _ := server.commands(); all[len(all)-1] != "QUIT" {
				t.Errorf("the server heard %q, want QUIT at the end", all)
			}
		})
	}
}
