package outbox_test

import (
	"fmt"
	"testing/fstest"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/outbox"
)

// A host replaces a mail and adds a language: all others stay as shipped. Most hosts pass an embed.FS.
func ExampleTemplates_With() {
	files := fstest.MapFS{
		"de/reset.txt": {Data: []byte("Subject: Neues Kennwort für {{.Product}}\n\nBis {{utc .Expires}}, {{.Lifetime.Hours}} h lang:\n\n{{.Link}}\n")},
	}
	templates, err := outbox.English().With(files)
	if err != nil {
		fmt.Println(err)
		return
	}
	subject, text, _, err := templates.Render(outbox.Reset, "de-AT", outbox.Data{
		Product:   "Acme Cloud",
		Recipient: outbox.Person{Email: "ann@example.com"},
		Link:      iam.NewSecret("https://cloud.acme.example/reset#q83v"),
		Expires:   time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC),
		Lifetime:  24 * time.Hour,
	})
	fmt.Println(err)
	fmt.Println(subject)
	fmt.Print(text)
	// Output:
	// <nil>
	// Neues Kennwort für Acme Cloud
	// Bis 2026-11-21 10:00 UTC, 24 h lang:
	//
	// https://cloud.acme.example/reset#q83v
}
