//go:build !race

package policy_test

// stride is which share of the requests to Casbin is asked: every one. See race_on_test.go.
const stride = 1
