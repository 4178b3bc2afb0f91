// Package scaletest measures what grows with the number of accounts, from a thousand to a million. It has tests only,
// which run when they are asked for:
//
//	CASTELLAN_SCALE=1000,10000,100000,1000000 CASTELLAN_SCALE_DB=sqlite,postgres go test -v -timeout 3h ./store/scaletest
//
// CASTELLAN_SCALE are the numbers of accounts. For a thousand there are ten organisations and five thousand bindings; one
// organisation has a tenth of all accounts. CASTELLAN_SCALE_DB are the databases; it defaults to sqlite. The table that is
// printed at the end has a column for each number, and how much dearer the last is than the first.
package scaletest
