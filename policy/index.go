package policy

// permissionIndex finds the number of a permission by its kind and action. It is a hash table of
// its own because a decision spends most of its time here, and a Go map would take twice as long.
type permissionIndex struct {
	slots []int32 // number + 1, and 0 for none; a power of two, at most a quarter full
	keys  []permissionKey
}

func newPermissionIndex(permissions []permissionInfo) permissionIndex {
	size := 8
	for size < 4*len(permissions) {
		size *= 2
	}
	x := permissionIndex{slots: make([]int32, size), keys: make([]permissionKey, len(permissions))}
	for i, info := range permissions {
		x.keys[i] = info.permissionKey
		slot := x.slot(info.kind, info.action)
		for x.slots[slot] != 0 {
			slot = (slot + 1) & (len(x.slots) - 1)
		}
		x.slots[slot] = int32(i) + 1
	}
	return x
}

// slot is where the search for a permission begins.
func (x *permissionIndex) slot(kind Kind, action Action) int {
	h := mix(string(kind))*golden ^ mix(string(action))
	return int(h*golden>>32) & (len(x.slots) - 1)
}

// find returns the permission's number, and false when the policy does not declare it.
func (x *permissionIndex) find(kind Kind, action Action) (int32, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	for slot := x.slot(kind, action); x.slots[slot] != 0; slot = (slot + 1) & (len(x.slots) - 1) {
		i := x.slots[slot] - 1
		if x.keys[i].action == action && x.keys[i].kind == kind {
			return i, true
		}
	}
	return 0, false
}

// golden is 2^64 divided by the golden ratio: a multiplication by it spreads the bits upwards.
const golden = 0x9E3779B97F4A7C15

// mix hashes a name: all of it up to 24 bytes, and beyond that its beginning, middle and end.
func mix(name string) uint64 {
	n := len(name)
	h := tail(name) ^ uint64(n)<<56
	if n > 8 {
		h += word(name) * golden
	}
	if n > 16 {
		h ^= word(name[n/2-4:]) * (golden ^ 2)
	}
	return h
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
