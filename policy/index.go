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
	h := mix(mix(0, string(kind)), string(action))
	return int(h>>32) & (len(x.slots) - 1)
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

// mix hashes a name into h, eight bytes at a time. Names of a vocabulary are at most 64 bytes long,
// and of a longer one the rest does not matter: it is in no vocabulary.
func mix(h uint64, name string) uint64 {
	const golden = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio: spreads the bits upwards
	if len(name) > maxName {
		name = name[:maxName]
	}
	h ^= uint64(len(name))
	for len(name) > 8 {
		h = (h ^ word(name)) * golden
		h ^= h >> 29
		name = name[8:]
	}
	return (h ^ tail(name)) * golden
}

// word returns the first eight bytes of s, which has as many.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// tail returns the last eight bytes of s, or all of them and their number when there are fewer.
func tail(s string) uint64 {
	if len(s) >= 8 {
		return word(s[len(s)-8:])
	}
	t := uint64(len(s))
	for i := range len(s) {
		t = t<<8 | uint64(s[i])
	}
	return t
}
