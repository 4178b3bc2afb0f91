package store

// What the tests in package store_test see of the inside.
var (
	IsTransient = func(err error) bool { return classify(err) == transient }
	IsDuplicate = func(err error) bool { return classify(err) == duplicate }
	Latest      = latest
)

const SubjectQuery = subjectQuery
