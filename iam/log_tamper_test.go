package iam_test

import (
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

// SB-83: whatever is done to the log in the database, is found.
func TestTamperedLog(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-83: every column of an event is held", tamperedColumns)
		w.run("SB-83: no event can be taken out, put in or moved", tamperedRows)
		w.run("SB-83: the end cannot be cut off", truncatedLog)
		w.run("SB-83: who has no key cannot make the hashes anew", forgedLog)
		w.run("SB-83: the organisation's row names the last event", forgedEvents)
		w.run("SB-83: the hashes cannot be taken away", blankedLog)
	})
}

func tamperedColumns(w *world) {
	columns := must(w.db.Migrator().ColumnTypes("iam_events"))(w)
	if len(columns) < 15 {
		w.Fatalf("iam_events has %d columns", len(columns))
	}
	for _, column := range columns {
		name := column.Name()
		for _, i := range []int{0, 3, 9} {
			o := w.keyed("key")
			all := o.log()
			equal(w, "events", len(all), 10)
			to, args := "?", []any{"tampered"}
			switch name {
			case "org_id":
				other := o.sibling().id
				o.sql("DELETE FROM iam_events WHERE org_id = ?", other)
				args[0] = other
			case "revision", "ordinal":
				to, args = name+" + 1000", nil
			case "time":
				to, args = "time + 1", nil
			case "changes":
				args[0] = `[{"field":"name","before":"","after":"tampered"}]`
			case "hash":
				args[0] = strings.Repeat("ab", 32)
			}
			args = append(args, o.id, all[i].Revision, all[i].Ordinal)
			o.sql("UPDATE iam_events SET "+name+" = "+to+" WHERE org_id = ? AND revision = ? AND ordinal = ?", args...)
			at := o.broken(name, iam.Checkpoint{})
			if moved := name == "org_id" || name == "revision" || name == "ordinal"; !moved {
				equal(w, name+": where it is found", at, all[i].Position())
			}
		}
	}
}

func tamperedRows(w *world) {
	const at = " WHERE org_id = ? AND revision = ? AND ordinal = ?"
	n := len(w.keyed("").log())
	for i := range n {
		o := w.keyed("")
		e := o.log()[i]
		o.sql("DELETE FROM iam_events"+at, o.id, e.Revision, e.Ordinal)
		o.broken("without "+e.Position().String(), iam.Checkpoint{})
	}
	for i := range n - 1 {
		o := w.keyed("")
		a, b := o.log()[i], o.log()[i+1]
		move := func(from, to iam.EventPosition) {
			o.sql("UPDATE iam_events SET revision = ?, ordinal = ?"+at, to.Revision, to.Ordinal, o.id, from.Revision, from.Ordinal)
		}
		aside := iam.EventPosition{Revision: 1000, Ordinal: 1000}
		move(a.Position(), aside)
		move(b.Position(), a.Position())
		move(aside, b.Position())
		equal(w, "where a swap is found", o.broken("swapped", iam.Checkpoint{}), a.Position())
	}
	for name, to := range map[string]func(all []iam.Event) iam.EventPosition{
		"in the middle": func(all []iam.Event) iam.EventPosition {
			return iam.EventPosition{Revision: all[1].Revision, Ordinal: 9}
		},
		"at the end": func(all []iam.Event) iam.EventPosition {
			p := all[len(all)-1].Position()
			p.Ordinal++
			return p
		},
	} {
		o := w.keyed("")
		all := o.log()
		p := to(all)
		var row map[string]any
		o.ok(o.db.Table("iam_events").Where("org_id = ? AND revision = ? AND ordinal = ?", o.id, all[0].Revision, all[0].Ordinal).Take(&row).Error)
		row["revision"], row["ordinal"] = p.Revision, p.Ordinal
		o.ok(o.db.Table("iam_events").Create(row).Error)
		if name == "at the end" { // with a hash that fits, for there is no key
			last := all[len(all)-1]
			inserted := o.log()[len(all)]
			o.forge("", last.Hash, []iam.Event{inserted})
			o.forget(&last, len(all))
		}
		equal(w, "where one is found "+name, o.broken(name, iam.Checkpoint{}), p)
	}
}

func truncatedLog(w *world) {
	for _, k := range []int{1, 3} {
		o := w.keyed("key")
		all, before := o.log(), o.checkpoint()
		kept := all[:len(all)-k]
		last := kept[len(kept)-1]
		for _, e := range all[len(kept):] {
			o.sql("DELETE FROM iam_events WHERE org_id = ? AND revision = ? AND ordinal = ?", o.id, e.Revision, e.Ordinal)
		}
		equal(w, "where the end is missing", o.broken("cut off", iam.Checkpoint{}), last.Position())
		o.broken("cut off, since the checkpoint", before)

		// With the count corrected, a checkpoint alone finds it, whatever is written afterwards.
		o.forget(&last, len(kept))
		report := o.intact("cut off with the count, as documented", iam.Checkpoint{})
		equal(w, "the events that are left", report.Events, int64(len(kept)))
		equal(w, "where the checkpoint's event is missing", o.broken("cut off with the count", before), before.Position)
		o.sql("UPDATE iam_organizations SET log_ordinal = ? WHERE id = ?", last.Ordinal, o.id)
		o.sql("UPDATE iam_organizations SET revision = ? WHERE id = ?", last.Revision, o.id)
		o.clock.advance(1e9)
		o.host(k + 1)
		o.intact("written on, as documented", iam.Checkpoint{})
		o.broken("written on", before)
	}
	o := w.keyed("")
	before := o.checkpoint()
	o.sql("DELETE FROM iam_events WHERE org_id = ?", o.id)
	o.broken("empty", iam.Checkpoint{})
	o.forget(nil, 0)
	o.broken("empty, since the checkpoint", before)
}

func forgedLog(w *world) {
	for _, key := range []string{"", "key"} {
		o := w.keyed(key)
		all, before := o.log(), o.checkpoint()
		o.sql("UPDATE iam_events SET target = ? WHERE org_id = ? AND revision = ? AND ordinal = ?", "forged", o.id, all[3].Revision, all[3].Ordinal)
		o.broken("changed", iam.Checkpoint{})
		o.forge("", all[2].Hash, o.log()[3:])
		if key == "" {
			o.intact("made anew without a key, as documented", iam.Checkpoint{})
		} else {
			equal(w, "where it is found by the key", o.broken("made anew", iam.Checkpoint{}), all[3].Position())
		}
		equal(w, "where it is found by the checkpoint", o.broken("made anew", before), before.Position)
		o.host(1)
		equal(w, "where it is found when more was written", o.broken("written on", before), before.Position)
	}
}

// Whoever can write the events alone, and not the organisation's row, is found by that row.
func forgedEvents(w *world) {
	o := w.keyed("")
	all := o.log()
	last := all[len(all)-1]
	o.sql("UPDATE iam_events SET target = ? WHERE org_id = ? AND revision = ? AND ordinal = ?", "forged", o.id, last.Revision, last.Ordinal)
	o.forge("", all[len(all)-2].Hash, o.log()[len(all)-1:])
	o.intact("with the row", iam.Checkpoint{})
	o.forget(&last, len(all))
	equal(w, "where it is found", o.broken("without the row", iam.Checkpoint{}), last.Position())
}

func blankedLog(w *world) {
	n := len(w.keyed("").log())
	for k := 1; k <= n; k++ {
		o := w.keyed("")
		all := o.log()
		for _, e := range all[:k] {
			o.sql("UPDATE iam_events SET hash = '' WHERE org_id = ? AND revision = ? AND ordinal = ?", o.id, e.Revision, e.Ordinal)
		}
		o.broken("without the first hashes", iam.Checkpoint{})
	}
	o := w.keyed("")
	before := o.checkpoint()
	o.sql("UPDATE iam_events SET hash = '' WHERE org_id = ?", o.id)
	o.forget(nil, 0)
	report := o.intact("without any hash, as documented", iam.Checkpoint{})
	equal(w, "the events that nothing proves", report.Unchained, int64(n))
	o.broken("without any hash, since the checkpoint", before)
}
