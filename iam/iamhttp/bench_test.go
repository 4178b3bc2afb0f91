package iamhttp_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
)

// nowhere is a ResponseWriter that costs next to nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkGuard compares a handler with and without the guard in front; the store is in memory. What is
// hidden takes some microseconds longer than what is missing: see Guard.Error, whose comment says so.
func BenchmarkGuard(b *testing.B) {
	guard := iamhttp.New(newService(b, emqx.System()), account, iamhttp.Config{Logger: slog.New(slog.DiscardHandler)})
	logged := iamhttp.New(newService(b, emqx.System()), account, iamhttp.Config{Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	d := deployments()["d1"]
	load := func(*http.Request) (*deployment, error) { return d, nil }
	unseen := deployments()["d2"]
	hidden := func(*http.Request) (*deployment, error) { return unseen, nil }
	missing := func(*http.Request) (*deployment, error) { return nil, iam.ErrNotFound }
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	item := func(http.ResponseWriter, *http.Request, *deployment) error { return nil }
	for _, bb := range []struct {
		name    string
		handler http.Handler
	}{
		{"bare", bare},
		{"load", guard.Load(bare)},
		{"load and require", guard.Load(iamhttp.RequireItem(guard, emqx.DeploymentView, load, item))},
		{"refused", guard.Load(iamhttp.RequireItem(guard, emqx.DeploymentDelete, load, item))},
		{"refused and logged", logged.Load(iamhttp.RequireItem(logged, emqx.DeploymentDelete, load, item))},
		{"hidden and logged", logged.Load(iamhttp.RequireItem(logged, emqx.DeploymentDelete, hidden, item))},
		{"missing and logged", logged.Load(iamhttp.RequireItem(logged, emqx.DeploymentDelete, missing, item))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r, w := request("GET", "/", "pat"), nowhere{make(http.Header)}
			b.ReportAllocs()
			for b.Loop() {
				bb.handler.ServeHTTP(w, r)
			}
		})
	}
}
