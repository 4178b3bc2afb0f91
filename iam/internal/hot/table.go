// Package hot keeps what is asked for again and again in memory, within a bound.
package hot

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// Table finds values by their ids, and forgets those that were not asked for lately when there is no more
// room: second chance, an approximation of the least recently used, under which a flood of ids that are asked
// for once drives itself out and not what is asked for often. Get takes no lock, and may run beside everything
// else; Put, Remove and Len are for one goroutine at a time.
//
// Each id has two buckets that it can be in. A bucket is one line of the processor's cache: seven values, and
// a byte of the hash of each, so that an id which is not there mostly costs reading those bytes.
type Table[V any] struct {
	seed    maphash.Seed
	buckets []bucket[V] // a power of two
	budget  int
	evicted func(*V)

	weight int
	count  int
	hand   int // the bucket that is looked at next when room is wanted
}

// ways is how many values a bucket has.
const ways = 7

type bucket[V any] struct {
	tags  atomic.Uint64 // the byte at 8*i is that of items[i]; zero for none
	items [ways]atomic.Pointer[item[V]]
}

type item[V any] struct {
	id     string
	weight int32
	used   atomic.Bool // since the hand came by
	value  V
}

// expected is what a value is expected to weigh: the table has room for so many of those, and then some.
const expected = 512

// New returns a table for values that weigh a budget together, in bytes. It calls evicted, if that is not nil, for
// each value that it forgets.
func New[V any](budget int, evicted func(*V)) *Table[V] {
	n := 1
	for n*ways < budget/expected*3/2 {
		n *= 2
	}
	return &Table[V]{seed: maphash.MakeSeed(), buckets: make([]bucket[V], n), budget: budget, evicted: evicted}
}

// Overhead is what the table takes for a value beside the value itself, in bytes.
const Overhead = 24

// Get returns the value of an id, or nil. The value must not be changed.
func (t *Table[V]) Get(id string) *V {
	hash := maphash.String(t.seed, id)
	if x := t.first(hash).find(hash, id); x != nil {
		return x.use()
	}
	if x := t.second(hash).find(hash, id); x != nil {
		return x.use()
	}
	return nil
}

func (x *item[V]) use() *V {
	if !x.used.Load() { // mostly it is set: a write would take the line away from the other processors
		x.used.Store(true)
	}
	return &x.value
}

func (t *Table[V]) first(hash uint64) *bucket[V] {
	return &t.buckets[hash>>8&uint64(len(t.buckets)-1)]
}

func (t *Table[V]) second(hash uint64) *bucket[V] {
	return &t.buckets[bits.ReverseBytes64(hash)>>8&uint64(len(t.buckets)-1)]
}

// tagOf is the byte of a hash; it is never zero.
func tagOf(hash uint64) uint64 { return hash&0x7f | 0x80 }

const everyByte = 0x0101010101010101

// find looks for an id in the bucket. While somebody writes, it may miss what is there.
func (b *bucket[V]) find(hash uint64, id string) *item[V] {
	differ := b.tags.Load() ^ tagOf(hash)*everyByte
	// The high bit of each byte that is zero, and sometimes of the byte above one: the id decides.
	for same := (differ - everyByte) & ^differ & (0x80 * everyByte); same != 0; same &= same - 1 {
		i := bits.TrailingZeros64(same) / 8
		if i == ways {
			break
		}
		if x := b.items[i].Load(); x != nil && x.id == id {
			return x
		}
	}
	return nil
}

// Put remembers a value in place of the one that its id has. Weight is in bytes; what weighs more than an eighth of
// the budget is not remembered. It reports whether the value was.
func (t *Table[V]) Put(id string, value V, weight int) bool {
	hash := maphash.String(t.seed, id)
	t.remove(hash, id)
	if weight > t.budget/8 {
		return false
	}
	x := &item[V]{id: id, weight: int32(weight), value: value}
	for t.weight+weight > t.budget {
		t.sweep(&t.buckets[t.hand])
		t.hand = (t.hand + 1) & (len(t.buckets) - 1)
	}
	b, at := t.room(hash)
	b.put(at, hash, x)
	t.weight += weight
	t.count++
	return true
}

// room returns where the value of a hash can be: in the first bucket if there is room, then in the second, then in place
// of a value of the first that has room in its other bucket, then of one that was not used.
func (t *Table[V]) room(hash uint64) (b *bucket[V], at int) {
	b = t.first(hash)
	for _, b := range []*bucket[V]{b, t.second(hash)} {
		if at, free := b.free(); free {
			return b, at
		}
	}
	for i := range ways {
		x := b.items[i].Load()
		other := maphash.String(t.seed, x.id)
		to := t.first(other)
		if to == b {
			to = t.second(other)
		}
		if j, free := to.free(); free {
			to.put(j, other, x)
			b.clear(i)
			return b, i
		}
	}
	for i := range ways {
		if at = i; !b.items[i].Load().used.Load() {
			break
		}
	}
	t.drop(b, at)
	return b, at
}

func (b *bucket[V]) free() (int, bool) {
	for i := range ways {
		if b.items[i].Load() == nil {
			return i, true
		}
	}
	return 0, false
}

func (b *bucket[V]) put(i int, hash uint64, x *item[V]) {
	b.items[i].Store(x)
	b.tags.Store(b.tags.Load() | tagOf(hash)<<(8*i))
}

func (b *bucket[V]) clear(i int) {
	b.tags.Store(b.tags.Load() &^ (0xff << (8 * i)))
	b.items[i].Store(nil)
}

// sweep forgets what was not used in a bucket since it was last swept.
func (t *Table[V]) sweep(b *bucket[V]) {
	for i := range ways {
		if x := b.items[i].Load(); x != nil && !x.used.Swap(false) {
			t.drop(b, i)
		}
	}
}

// Remove forgets the value of an id.
func (t *Table[V]) Remove(id string) {
	t.remove(maphash.String(t.seed, id), id)
}

func (t *Table[V]) remove(hash uint64, id string) {
	for _, b := range []*bucket[V]{t.first(hash), t.second(hash)} {
		for i := range ways {
			if x := b.items[i].Load(); x != nil && x.id == id {
				t.drop(b, i)
			}
		}
	}
}

func (t *Table[V]) drop(b *bucket[V], i int) {
	x := b.items[i].Load()
	b.clear(i)
	t.weight -= int(x.weight)
	t.count--
	if t.evicted != nil {
		t.evicted(&x.value)
	}
}

// Len returns how many values there are, and their weight in bytes.
func (t *Table[V]) Len() (count, weight int) {
	return t.count, t.weight
}
