module github.com/castellan-iam/castellan

go 1.25.0

require (
	github.com/casbin/casbin/v2 v2.135.0
	github.com/casbin/govaluate v1.10.0
)

require (
	github.com/bmatcuk/doublestar/v4 v4.6.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
)
