package store

import (
	"strconv"
	"strings"
)

// What the tests in package store_test see of the inside.
var (
	IsTransient = func(err error) bool { return classify(err) == transient }
	IsDuplicate = func(err error) bool { return classify(err) == duplicate }
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
