package emqx

// The constants of this package are those of both editions' CSV; policy/gen says how they are named.
//
//go:generate go run ../../policy/gen -csv ../../policy.csv -csv legacy.csv
