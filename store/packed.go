package store

import (
	"fmt"
	"strconv"
	"strings"
)

// packed are values that came in one column. What stands between them is a control character, which
// no stored id holds.
type packed struct {
	values []string
	err    error
}

// unpack splits a column into n values. Where it has another number of them, a row was not written by this package.
func unpack(column []byte, n int) packed {
	p := packed{values: strings.Split(string(column), fieldEnd)}
	if len(p.values) != n {
		p.values = make([]string, n)
		p.err = fmt.Errorf("a row holds an id with a control character: %.200q", column)
	}
	return p
}

func (p *packed) next() string {
	value := p.values[0]
	p.values = p.values[1:]
	return value
}

func (p *packed) number() int64 {
	n, err := strconv.ParseInt(p.next(), 10, 64)
	if err != nil && p.err == nil {
		p.err = err
	}
	return n
}

// packWithOperator and packWithConcat write the other end of unpack.
func packWithOperator(columns ...string) string {
	return strings.Join(columns, " || '"+fieldEnd+"' || ")
}

func packWithConcat(columns ...string) string {
	return "CONCAT(" + strings.Join(columns, ", '"+fieldEnd+"', ") + ")"
}
