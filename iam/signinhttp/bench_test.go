package signinhttp_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signinhttp"
)

// trips counts the statements that are sent to the database.
func trips(tb testing.TB, db *gorm.DB) *atomic.Int64 {
	tb.Helper()
	n := new(atomic.Int64)
	count := func(*gorm.DB) { n.Add(1) }
	callbacks := db.Callback()
	for _, err := range []error{
		callbacks.Query().Before("gorm:query").Register("count", count), callbacks.Row().Before("gorm:row").Register("count", count),
		callbacks.Raw().Before("gorm:raw").Register("count", count), callbacks.Create().Before("gorm:create").Register("count", count),
		callbacks.Update().Before("gorm:update").Register("count", count), callbacks.Delete().Before("gorm:delete").Register("count", count),
	} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return n
}

// A guarded request asks the database twice, and once where sessions keep what they were opened with (L10).
func TestRoundTripsOfAGuardedRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		system iam.System
		want   int64
	}{"EMQX": {emqx.System(), 2}, "LANIT": {lanit.System(), 1}} {
		w := newWorld(t, tt.system, signinhttp.Config{})
		token := w.organization("acme").opens()
		h, n := w.guarded(), trips(t, w.db)
		if rec := sendTo(t, h, request{method: "GET", path: "/", cookie: token}); rec.Code != http.StatusOK {
			t.Errorf("%s: got %d %s", name, rec.Code, rec.Body)
		}
		equal(t, name, n.Load(), tt.want)
	}
}

// nowhere is a ResponseWriter that costs next to nothing.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

// BenchmarkGuarded is what a session costs a request: a handler behind the guard beside the same one without. The
// database is SQLite, on this machine, with everything in its cache.
func BenchmarkGuarded(b *testing.B) {
	bare := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, system := range map[string]iam.System{"EMQX": emqx.System(), "LANIT": lanit.System()} {
		w := newWorld(b, system, signinhttp.Config{})
		token := w.organization("acme").opens()
		n := trips(b, w.db)
		guard := iamhttp.New(w.svc, nil, iamhttp.Config{Subject: w.door.Subject, Logger: discard})
		for _, bb := range []struct {
			name string
			h    http.Handler
		}{{"bare", bare}, {"guarded", guard.Load(bare)}} {
			b.Run(name+"/"+bb.name, func(b *testing.B) {
				r := httptest.NewRequest("GET", baseURL+"/", nil)
				r.AddCookie(&http.Cookie{Name: cookie, Value: token.Reveal()})
				rw := nowhere{make(http.Header)}
				n.Store(0)
				b.ReportAllocs()
				for b.Loop() {
					bb.h.ServeHTTP(rw, r)
				}
				b.ReportMetric(float64(n.Load())/float64(b.N), "trips/op")
			})
		}
	}
}
