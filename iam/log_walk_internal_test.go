package iam

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// chainOf makes a log of n events, with two at each revision.
func chainOf(key []byte, n int) []Event {
	var all []Event
	before := ""
	for i := range n {
		e := Event{
			Org: "acme", Revision: int64(1 + i/2), Ordinal: 1 + i%2, Time: time.Unix(int64(i), 0).UTC(), Type: "t",
			Target: fmt.Sprint("e", i), Changes: []FieldChange{{"field", "before", "after"}},
		}
		e.Hash = chained(key, e, before)
		before = e.Hash
		all = append(all, e)
	}
	return all
}

// SB-83: the hash is over every field of an event, over the key and over the hash before.
func TestHashIsOverEveryField(t *testing.T) {
	t.Parallel()
	e := chainOf(nil, 1)[0]
	seen := map[string]string{chained(nil, e, ""): "the event itself"}
	other := func(what, hash string) {
		if same, ok := seen[hash]; ok {
			t.Errorf("%s makes no other hash than %s", what, same)
		}
		seen[hash] = what
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Event]()) {
		changed := e
		switch v := reflect.ValueOf(&changed).Elem().FieldByIndex(field.Index); {
		case field.Name == "Hash":
			continue
		case field.Name == "Time":
			changed.Time = e.Time.Add(time.Millisecond)
		case field.Name == "Changes":
			changed.Changes = append([]FieldChange{{}}, e.Changes...)
		case v.CanInt():
			v.SetInt(v.Int() + 1)
		default:
			v.SetString(v.String() + "x")
		}
		other(field.Name, chained(nil, changed, ""))
	}
	for _, c := range [][]FieldChange{nil, {{"fieldbefore", "", "after"}}, {{"field", "beforeafter", ""}}, {{"field", "after", "before"}}} {
		changed := e
		changed.Changes = c
		other(fmt.Sprint("changes ", c), chained(nil, changed, ""))
	}
	// A text that runs into the next field.
	split, joined := e, e
	split.Role, split.Reason, joined.Role = "a", "b", "ab"
	other("two fields", chained(nil, split, ""))
	other("both in one", chained(nil, joined, ""))
	other("the hash before", chained(nil, e, "x"))
	other("the key", chained([]byte("k"), e, ""))
	other("another key", chained([]byte("l"), e, ""))
}

// SB-83: the walk finds what a file or a database was made to say.
func TestWalkFinds(t *testing.T) {
	t.Parallel()
	key := []byte("key")
	const n = 7
	for name, tamper := range map[string]func(all []Event) []Event{
		"the first one gone":    func(all []Event) []Event { return all[1:] },
		"one gone":              func(all []Event) []Event { return append(all[:3], all[4:]...) },
		"a whole revision gone": func(all []Event) []Event { return append(all[:2], all[4:]...) },
		"one twice":             func(all []Event) []Event { return append(all[:4], all[3:]...) },
		"two swapped":           func(all []Event) []Event { all[2], all[3] = all[3], all[2]; return all },
		"another organisation":  func(all []Event) []Event { all[3].Org = "globex"; return all },
		"blanked":               func(all []Event) []Event { all[3].Hash = ""; return all },
		"the last one blanked":  func(all []Event) []Event { all[n-1].Hash = ""; return all },
		"blanked from the start": func(all []Event) []Event {
			for i := range 3 {
				all[i].Hash = ""
			}
			return all
		},
		"the hash of another case": func(all []Event) []Event { all[3].Hash = strings.ToUpper(all[3].Hash); return all },
		"made without the key": func(all []Event) []Event {
			all[3].Target = "forged"
			for i := 3; i < n; i++ {
				all[i].Hash = chained(nil, all[i], all[i-1].Hash)
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := walkAll(key, chainOf(key, n)); err != nil {
				t.Fatalf("before: %v", err)
			}
			var wrong *LogError
			if err := walkAll(key, tamper(chainOf(key, n))); !errors.As(err, &wrong) {
				t.Errorf("got the error %v, want a LogError", err)
			}
		})
	}
}

func walkAll(key []byte, all []Event) error {
	w := newLogWalk(key, Checkpoint{Org: "acme"})
	for _, e := range all {
		if err := w.step(e); err != nil {
			return err
		}
	}
	return nil
}

// Events from before logs were chains are counted, and may come first only.
func TestWalkCountsWhatHasNoHash(t *testing.T) {
	t.Parallel()
	all := []Event{{Org: "acme", Revision: 1, Ordinal: 1}, {Org: "acme", Revision: 1, Ordinal: 2}}
	first := Event{Org: "acme", Revision: 4, Ordinal: 1}
	first.Hash = chained(nil, first, "")
	var wrong *LogError
	if err := walkAll(nil, all[1:]); !errors.As(err, &wrong) || wrong.At != all[1].Position() {
		t.Errorf("without the first one: got the error %v", err)
	}
	w := newLogWalk(nil, Checkpoint{Org: "acme"})
	for _, e := range append(all, first) {
		if err := w.step(e); err != nil {
			t.Fatal(err)
		}
	}
	want := LogReport{Events: 1, Unchained: 2, Checkpoint: Checkpoint{"acme", 1, EventPosition{4, 1}, first.Hash}}
	if w.report != want {
		t.Errorf("got %+v, want %+v", w.report, want)
	}
}
