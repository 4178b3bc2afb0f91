package modeltest_test

import (
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"pgregory.net/rapid"

	"github.com/castellan-iam/castellan/store/testdb"
)

var modelTime = flag.Duration("model.time", 0, "how long TestModel tells stories of each database; 0 for the gate's share, without TestEveryActIsSeen")

// share is how long the gate tells stories of each database: of all of them at once.
const share = 15 * time.Second

// TestModel tells random stories, and holds everything that happens against the model.
func TestModel(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		books := rulebooks(t)
		seen := newCoverage(books)
		end := time.Now().Add(max(share, *modelTime))
		var number atomic.Int64
		for !t.Failed() && (seen.stories == 0 || time.Now().Before(end)) {
			rapid.Check(t, func(t *rapid.T) {
				if seen.stories == 0 || time.Now().Before(end) || seen.failed.Load() { // a story that failed is told again, to make it shorter
					story(t, db, seen, int(number.Add(1)), books[indexes.Draw(t, "")*len(books)>>indexBits])
				}
			})
			if *modelTime == 0 {
				break
			}
		}
		seen.report(t)
	})
}

// TestEveryActIsSeen tells the same stories each time, which are steered to what was not seen yet, until every act was
// done and was refused. It is no part of the gate, for which it takes too long.
func TestEveryActIsSeen(t *testing.T) {
	t.Parallel()
	if *modelTime == 0 {
		t.Skip("takes a minute: -model.time 1m turns it on")
	}
	const most, steps = 60, 80
	db, books := testdb.Open(t, testdb.SQLite), rulebooks(t)
	seen := newCoverage(books)
	seen.steered = true
	var number atomic.Int64
	for seed := range most {
		book := books[seed%len(books)]
		if len(seen.wanted(book)) == 0 {
			continue
		}
		rapid.Custom(func(t *rapid.T) bool {
			s := begin(t, db, seen, int(number.Add(1)), book)
			for range steps {
				s.step()
			}
			return true
		}).Example(seed)
	}
	seen.report(t)
	for name := range acts {
		for _, end := range seen.lacks(name) {
			t.Errorf("in %d stories, %s was never %s", seen.stories, name, end)
		}
	}
}

func story(t *rapid.T, db *gorm.DB, seen *coverage, number int, book *rulebook) {
	s := begin(t, db, seen, number, book)
	for range 3 { // of -rapid.steps each, more or less
		t.Repeat(map[string]func(*rapid.T){"step": func(*rapid.T) { s.step() }})
	}
	for _, o := range s.m.orgs { // the whole log once more, past every checkpoint
		s.logs[o] = newLog()
		s.verify(o)
		s.check(o)
	}
}
