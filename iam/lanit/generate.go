package lanit

// The constants of this package are those of the policy's CSV; policy/gen says how they are named.
//
//go:generate go run ../../policy/gen -csv policy.csv
