package hot_test

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/iam/internal/hot"
)

const kib = 1 << 10

func id(i int) string { return fmt.Sprintf("id-%06d", i) }

// TestTableIsAMapThatForgets does random things to a table and to a map, with ids that are few enough to meet.
func TestTableIsAMapThatForgets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.SampledFrom([]int{kib, 8 * kib, 64 * kib}).Draw(t, "budget")
		type value struct {
			id     string
			n, big int
		}
		live := map[string]value{}
		table := hot.New(budget, func(v *value) {
			if live[v.id] != *v {
				t.Fatalf("%+v is forgotten, where %+v is there", *v, live[v.id])
			}
			delete(live, v.id)
		})
		for n := range 200 {
			name := id(rapid.IntRange(0, 100).Draw(t, "id"))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				v := value{name, n, rapid.IntRange(0, budget/6).Draw(t, "weight")}
				kept := table.Put(name, v, v.big)
				if kept != (v.big <= budget/8) {
					t.Fatalf("Put of %d bytes into %d: %t", v.big, budget, kept)
				}
				if kept {
					live[name] = v
				}
			case 2:
				table.Remove(name)
			}
			want, there := live[name]
			if got := table.Get(name); (got != nil) != there || there && *got != want {
				t.Fatalf("Get %s: got %v, want %v (%t)", name, got, want, there)
			}
			weight := 0
			for _, v := range live {
				weight += v.big
			}
			if count, heavy := table.Len(); count != len(live) || heavy != weight || weight > budget {
				t.Fatalf("Len: %d values of %d bytes, want %d of %d, and never above %d", count, heavy, len(live), weight, budget)
			}
		}
	})
}

// TestAFloodDrivesItselfOut asks for a few ids again and again while ten thousand others come once each.
func TestAFloodDrivesItselfOut(t *testing.T) {
	t.Parallel()
	table := hot.New[int](256*kib, nil)
	const often = 100
	for i := range often {
		table.Put(id(i), i, 512)
	}
	for i := often; i < 10_000; i++ {
		table.Put(id(i), i, 512)
		if v := table.Get(id(i % often)); v == nil || *v != i%often {
			t.Fatalf("%s is gone when %d others have come, although it is asked for all the time", id(i%often), i)
		}
	}
	if _, weight := table.Len(); weight > 256*kib {
		t.Errorf("%d bytes", weight)
	}
}

// TestRoomIsUsed wants a table that is not full to forget nothing.
func TestRoomIsUsed(t *testing.T) {
	t.Parallel()
	forgotten := 0
	table := hot.New(8<<20, func(*int) { forgotten++ })
	const n = 14_000 // of 16,384
	for i := range n {
		table.Put(id(i), i, 512)
	}
	if count, _ := table.Len(); forgotten > 0 || count != n {
		t.Errorf("%d of %d are there, and %d were forgotten", count, n, forgotten)
	}
}

// TestReadersNeedNoLock reads while one goroutine writes: a value is another id's never.
func TestReadersNeedNoLock(t *testing.T) {
	t.Parallel()
	table := hot.New[int](64*kib, nil)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for r := range 4 {
		readers.Go(func() {
			for i := r; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				if v := table.Get(id(i % 500)); v != nil && *v%500 != i%500 {
					t.Errorf("%s has the value %d", id(i%500), *v)
					return
				}
			}
		})
	}
	for i := range 50_000 {
		if i%3 == 0 {
			table.Remove(id(i % 500))
		} else {
			table.Put(id(i%500), i, 512)
		}
	}
	close(done)
	readers.Wait()
}

func TestGetAllocatesNothing(t *testing.T) {
	table := hot.New[int](64*kib, nil)
	table.Put("ann", 1, 512)
	if n := testing.AllocsPerRun(100, func() { table.Get("ann"); table.Get("bob") }); n != 0 {
		t.Errorf("Get allocates %v times", n)
	}
}
