package iam

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// anybody is a Store with an account for every id, each in an organisation of its own.
type anybody struct{ Store }

func (anybody) Subject(_ context.Context, id policy.AccountID) (SubjectRecord, error) {
	return SubjectRecord{Account: id, Org: policy.OrgID(id), Status: Active, Revision: 1}, nil
}

// What is known of organisations goes with the last of their subjects, and loads leave nothing behind.
func TestMemoryIsBoundedInOrganisationsToo(t *testing.T) {
	t.Parallel()
	m := newMemory(Config{MaxStaleness: time.Hour, SubjectMemory: 1 << 20})
	s := &Service{store: anybody{}, memory: m, config: Config{Now: time.Now}}
	s.system = new(atomic.Pointer[System])
	s.system.Store(&System{})
	for i := range 20_000 {
		if _, err := s.Subject(t.Context(), policy.AccountID(fmt.Sprintf("account-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	count, weight := m.table.Len()
	if len(m.orgs) != count || weight > 1<<20 || count < 1000 || len(m.flights) > 0 {
		t.Errorf("%d subjects of %d bytes, of %d organisations, and %d loads", count, weight, len(m.orgs), len(m.flights))
	}
	for _, state := range m.orgs {
		if state.subjects != 1 {
			t.Fatalf("the organisation %s has %d subjects", state.id, state.subjects)
		}
	}
}
