package iam

import (
	"errors"
	"io"
)

// readAhead is how much package csv may read behind a line: what its buffer holds.
const readAhead = 4 << 10

var errLineLimit = errors.New("iam: a line of the list is too long")

// lineLimit hands over so many bytes of a list and no more, until it is allowed more: package csv would read a
// line without end into memory, and takes forty bytes for each comma in it.
type lineLimit struct {
	list     io.Reader
	left     int
	exceeded bool
}

func (l *lineLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.exceeded = true
		return 0, errLineLimit
	}
	n, err := l.list.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
