package iam

import "time"

// checkEnd refuses the end of something that is given for a while, when it has passed, and when it cannot be
// written as others read it: RFC 3339 has no year beyond 9999. The zero time is no end.
func checkEnd(field string, end, now time.Time) error {
	switch {
	case end.IsZero():
		return nil
	case !now.Before(end):
		return invalid(field, "the end %v has passed", end)
	case end.UTC().Year() > 9999:
		return invalid(field, "the end lies behind the year 9999: want none for what does not end")
	}
	return nil
}
