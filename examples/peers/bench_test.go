package main

import (
	"context"
	"testing"
	"time"
)

// BenchmarkPeers measures one contestant after the other, in one process: for a profile, or for benchstat. The
// program itself is fairer, whose turns are interleaved. -short takes 4,000 accounts.
func BenchmarkPeers(b *testing.B) {
	orgs := fullOrgs
	if testing.Short() {
		orgs = quickOrgs
	}
	w := worldOf(b, orgs)
	s := newStream(w, fullRequests, fullQuestions)
	for _, e := range entries() {
		b.Run(e.name, func(b *testing.B) {
			p := playerOf(b, e, w, s)
			if _, err := p.check(b.Context(), 5*time.Second); err != nil {
				b.Fatal(err)
			}
			bench := func(name string, ask func(context.Context, int) error) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						if err := ask(b.Context(), i); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			bench("decide", p.ask)
			if p.lister != nil {
				bench("which", p.askWhich)
				bench("who", p.askWho)
			}
		})
	}
}
