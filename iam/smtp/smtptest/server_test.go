package smtptest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ann = iam.Email("ann@example.org")

// The settings work as they are, and a wrong password does not.
func TestSettings(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t)
	if report := smtp.Diagnose(t.Context(), server.Settings(), ann, smtp.Config{}); !report.OK() {
		t.Errorf("got\n%s", report)
	}
	settings := server.Settings()
	settings.Password = iam.NewSecret("another")
	if got := failed(smtp.Diagnose(t.Context(), settings, ann, smtp.Config{})); got != smtp.StageAuth {
		t.Errorf("with another password: %q failed, want AUTH", got)
	}
	settings.Username, settings.Password = "", iam.Secret{}
	if got := failed(smtp.Diagnose(t.Context(), settings, ann, smtp.Config{})); got != smtp.StageMailFrom {
		t.Errorf("without a password: %q failed, want MAIL FROM", got)
	}
	settings.RootCAs = smtptest.Start(t).Settings().RootCAs
	if got := failed(smtp.Diagnose(t.Context(), settings, ann, smtp.Config{})); got != smtp.StageTLS {
		t.Errorf("with another authority: %q failed, want TLS", got)
	}
	if n := len(server.Messages()); n != 1 {
		t.Errorf("got %d messages, want 1", n)
	}
}

func failed(report smtp.Report) smtp.StageName {
	for _, stage := range report.Stages {
		if stage.Status == smtp.Failed {
			return stage.Name
		}
	}
	return ""
}

var stages = []smtp.StageName{
	smtp.StageGreeting, smtp.StageEHLO, smtp.StageStartTLS, smtp.StageTLS, smtp.StageEHLOTLS,
	smtp.StageAuth, smtp.StageMailFrom, smtp.StageRcptTo, smtp.StageData,
}

// Each behaviour comes at its stage and at no other, ends with Behave, and no message is kept.
func TestBehaviors(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]func(*smtptest.Server, smtp.StageName){
		"rejects": func(s *smtptest.Server, stage smtp.StageName) { s.Reject(stage, 451, "Not now") },
		"drops":   (*smtptest.Server).Drop,
		"hangs":   (*smtptest.Server).Hang,
	} {
		for _, stage := range stages {
			if name == "rejects" && stage == smtp.StageTLS {
				continue
			}
			t.Run(name+"/"+string(stage), func(t *testing.T) {
				t.Parallel()
				server := smtptest.Start(t)
				misbehave(server, stage)
				config := smtp.Config{}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if name == "hangs" {
					config.Timeout = 2 * time.Second // long enough for all that comes before
				}
				report := smtp.Diagnose(ctx, server.Settings(), ann, config)
				if got := failed(report); got != stage {
					t.Errorf("%q failed, want %q:\n%s", got, stage, report)
				}
				if name == "rejects" && !strings.Contains(report.String(), "451 Not now") {
					t.Errorf("got\n%s", report)
				}
				server.Behave()
				if report := smtp.Diagnose(ctx, server.Settings(), ann, smtp.Config{}); !report.OK() || len(server.Messages()) != 1 {
					t.Errorf("after Behave: %d messages\n%s", len(server.Messages()), report)
				}
			})
		}
	}
}

// What no server can do is a mistake of the test.
func TestImpossibleBehaviors(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t)
	for name, call := range map[string]func(){
		"Reject TLS": func() { server.Reject(smtp.StageTLS, 550, "no") },
		"Drop DNS":   func() { server.Drop(smtp.StageDNS) },
		"Hang TCP":   func() { server.Hang(smtp.StageTCP) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}

// Wait returns when the messages have come, not before, and when its context ends.
func TestWait(t *testing.T) {
	t.Parallel()
	server := smtptest.Start(t)
	mailer, err := smtp.New(server.Settings(), smtp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		messages []smtptest.Message
		err      error
	}
	waited := make(chan result)
	go func() {
		messages, err := server.Wait(t.Context(), 2)
		waited <- result{messages, err}
	}()
	for _, id := range []string{"1", "2"} {
		if _, err := mailer.Send(t.Context(), iam.Message{ID: id, To: ann, Subject: id, Text: "text " + id, HTML: "<i>"}); err != nil {
			t.Fatal(err)
		}
	}
	got := <-waited
	if got.err != nil || len(got.messages) != 2 || got.messages[1].Header("Subject") != "2" || got.messages[0].Text() != "text 1" || got.messages[0].HTML() != "<i>" {
		t.Errorf("got %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if messages, err := server.Wait(ctx, 3); !errors.Is(err, context.Canceled) || len(messages) != 2 {
		t.Errorf("got %d messages, %v; want those that are there, and the context's error", len(messages), err)
	}
	if messages, err := server.Wait(ctx, 0); err != nil || len(messages) != 2 {
		t.Errorf("got %d messages, %v; want all that are there", len(messages), err)
	}
}

// A closed server takes nothing, is closed again without harm, and lets go what hangs.
func TestClose(t *testing.T) {
	t.Parallel()
	server, err := smtptest.Open()
	if err != nil {
		t.Fatal(err)
	}
	server.Hang(smtp.StageAuth)
	done := make(chan smtp.Report)
	config := smtp.Config{Timeout: time.Hour}
	go func() { done <- smtp.Diagnose(t.Context(), server.Settings(), ann, config) }()
	server.Close()
	server.Close()
	if report := <-done; report.OK() {
		t.Errorf("got\n%s", report)
	}
	if got := failed(smtp.Diagnose(t.Context(), server.Settings(), ann, config)); got != smtp.StageTCP {
		t.Errorf("%q failed, want TCP", got)
	}
}

// What is no mail reads as nothing.
func TestMessageThatIsNone(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "no header", "Content-Type: multipart/mixed; boundary=x\r\n\r\n", "Content-Type: image/png\r\n\r\nx"} {
		m := smtptest.Message{Data: []byte(data)}
		if got := m.Header("Subject") + m.Text() + m.HTML(); got != "" {
			t.Errorf("%q: got %q", data, got)
		}
	}
}
