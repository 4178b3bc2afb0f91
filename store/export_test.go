package store

import (
	"strconv"
	"strings"

	"github.com/castellan-iam/castellan/store/internal/dberr"
)

// What the tests in package store_test see of the inside.
var (
	IsTransient = func(err error) bool { return dberr.Classify(err) == dberr.Transient }
	IsDuplicate = func(err error) bool { return dberr.Classify(err) == dberr.Duplicate }
	IsPresent   = dberr.IsPresent
	Latest      = latest
)

// SubjectQuery is the statement of Subject as the driver gets it, and how many parameters it has.
func SubjectQuery(database string) (query string, parameters int) {
	query = dialects[database].subject
	parameters = strings.Count(query, "?")
	if database == "postgres" {
		for i := range parameters {
			query = strings.Replace(query, "?", "$"+strconv.Itoa(i+1), 1)
		}
	}
	return query, parameters
}

// SessionQuery is the statement of Session as the driver gets it.
func SessionQuery(database string) string {
	if database == "postgres" {
		return strings.Replace(sessionQuery, "?", "$1", 1)
	}
	return sessionQuery
}
