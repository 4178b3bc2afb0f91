package policy

// permissionIndex finds the number of a permission by its kind and action. It is a hash table of
// its own because a decision spends most of its time here: it hashes the few bytes in which names
// differ most, where a Go map hashes both strings whole.
type permissionIndex struct {
	slots []int32 // number + 1, and 0 for none; a power of two, at most half full
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

// slot is where the search for a permission begins. Neither name is empty.
func (x *permissionIndex) slot(kind Kind, action Action) int {
	k, a := len(kind), len(action)
	h := uint64(kind[k-1]) | uint64(kind[k/2])<<8 | uint64(byte(k))<<16 |
		uint64(action[0])<<24 | uint64(action[a-1])<<32 | uint64(action[a/2])<<40 | uint64(byte(a))<<48
	h *= 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio: spreads the bits upwards
	return int(h>>32) & (len(x.slots) - 1)
}

// find returns the permission's number, and false when the policy does not declare it.
func (x *permissionIndex) find(kind Kind, action Action) (int32, bool) {
	if kind == "" || action == "" || len(x.slots) == 0 {
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
