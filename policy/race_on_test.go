//go:build race

package policy_test

// stride is which share of the requests to Casbin is asked: one of so many. The race detector makes
// Casbin ten times slower, and finds nothing in the thousandth request that the first did not show.
const stride = 11
