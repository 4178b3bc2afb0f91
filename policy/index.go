package policy

// permissionIndex finds the number of a permission by its kind and action. It is a hash table of
// its own because a decision spends most of its time here: it compares names by the words that it
// has hashed, and so reads one line of memory, where a Go map would follow the strings.
type permissionIndex struct {
	slots []permissionSlot // a power of two, at most half full
	keys  []permissionKey
}

// permissionSlot is a permission, or empty when its number is 0.
type permissionSlot struct {
	kind, action words
	number       int32 // + 1
	long         bool  // a name is not all in its words
}

// words are a name of up to 24 bytes: two names with the same words are the same. Of a longer name
// they are the length, the beginning, the middle and the end.
type words struct {
	first, middle, last uint64
	length              int
}

// wholeName is the length up to which words are the whole name.
const wholeName = 24

func wordsOf(name string) words {
	n := len(name)
	w := words{last: tail(name), length: n}
	if n > 8 {
		w.first = word(name)
	}
	if n > 16 {
		w.middle = word(name[n/2-4:])
	}
	return w
}

func (w *words) equal(v *words) bool {
	return w.last == v.last && w.first == v.first && w.middle == v.middle && w.length == v.length
}

// hash is 2^64 divided by the golden ratio times the words: a multiplication by it spreads the bits upwards.
func (w *words) hash() uint64 {
	const golden = 0x9E3779B97F4A7C15
	return (w.last ^ w.first*golden ^ w.middle*(golden^2) ^ uint64(w.length)) * golden
}

func newPermissionIndex(permissions []permissionInfo) permissionIndex {
	size := 8
	for size < 2*len(permissions) {
		size *= 2
	}
	x := permissionIndex{slots: make([]permissionSlot, size), keys: make([]permissionKey, len(permissions))}
	for i, info := range permissions {
		x.keys[i] = info.permissionKey
		s := permissionSlot{kind: wordsOf(string(info.kind)), action: wordsOf(string(info.action)), number: int32(i) + 1}
		s.long = s.kind.length > wholeName || s.action.length > wholeName
		at := x.start(&s.kind, &s.action)
		for x.slots[at].number != 0 {
			at = (at + 1) & (len(x.slots) - 1)
		}
		x.slots[at] = s
	}
	return x
}

// start is the slot at which the search for a permission begins.
func (x *permissionIndex) start(kind, action *words) int {
	return int((kind.hash()^action.hash()>>1)>>32) & (len(x.slots) - 1)
}

// find returns the permission's number, and false when the policy does not declare it.
func (x *permissionIndex) find(kind Kind, action Action) (int32, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	k, a := wordsOf(string(kind)), wordsOf(string(action))
	for at := x.start(&k, &a); ; at = (at + 1) & (len(x.slots) - 1) {
		s := &x.slots[at]
		if s.number == 0 {
			return 0, false
		}
		if s.kind.equal(&k) && s.action.equal(&a) && (!s.long || x.keys[s.number-1] == permissionKey{kind, action}) {
			return s.number - 1, true
		}
	}
}

// word returns the first eight bytes of s, which has as many.
func word(s string) uint64 {
	return uint64(half(s)) | uint64(half(s[4:]))<<32
}

// half returns the first four bytes of s, which has as many.
func half(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// tail returns the last eight bytes of s, or all of them when there are fewer.
func tail(s string) uint64 {
	switch n := len(s); {
	case n >= 8:
		return word(s[n-8:])
	case n >= 4: // two halves that overlap
		return uint64(half(s)) | uint64(half(s[n-4:]))<<32
	case n > 0:
		return uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	default:
		return 0
	}
}
