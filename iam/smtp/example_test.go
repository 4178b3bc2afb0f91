package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
)

// Sending a message, and telling a refusal for good from a passing one.
func ExampleMailer_Send() {
	server, err := smtptest.Open() // stands for the mail server of a provider
	if err != nil {
		panic(err)
	}
	defer server.Close()

	mailer, err := smtp.New(server.Settings(), smtp.Config{})
	if err != nil {
		panic(err)
	}
	message := iam.Message{ID: "1", To: "ann@example.org", Subject: "Welcome", Text: "Hello Ann\n"}
	_, err = mailer.Send(context.Background(), message)
	fmt.Println(err, server.Messages()[0].Header("Subject"))

	server.Reject(smtp.StageRcptTo, 550, "5.1.1 No such user")
	_, err = mailer.Send(context.Background(), message)
	fmt.Println(err, errors.Is(err, iam.ErrBounced))
	// Output:
	// <nil> Welcome
	// smtp: RCPT TO: 550 5.1.1 No such user true
}

// What stands behind the button "Test": which stage failed, what the server said, and what to do.
func ExampleDiagnose() {
	server, err := smtptest.Open()
	if err != nil {
		panic(err)
	}
	defer server.Close()
	settings := server.Settings()
	settings.Password = iam.NewSecret("mistyped")

	report := smtp.Diagnose(context.Background(), settings, "ann@example.org", smtp.Config{})
	fmt.Println("OK:", report.OK())
	for _, stage := range report.Stages {
		if stage.Status == smtp.Failed {
			hint, _, _ := strings.Cut(stage.Hint, ".")
			fmt.Printf("%s: %s\n%s.\n", stage.Name, stage.Reply, hint)
		}
	}
	// Output:
	// OK: false
	// AUTH: 535 5.7.8 Authentication failed
	// The username or the password is wrong.
}
