// Package dberr knows what an error of SQLite, PostgreSQL, MariaDB or MySQL means for the statement
// that ran into it, without importing a driver.
package dberr

import (
	"errors"
	"reflect"
	"slices"

	"gorm.io/gorm"
)

// Class is what to make of a database's error.
type Class uint8

// The classes.
const (
	Failure   Class = iota // no other class: trying again is no use
	Transient              // a deadlock, a serialization failure or a lock that did not come: trying again helps
	Duplicate              // a unique constraint
)

// The numbers of the databases for each class. No driver is imported: they are found by the
// methods and fields with which the drivers carry them.
var (
	transientStates = []string{"40001", "40P01", "55P03"} // serialization failure, deadlock, lock not available
	duplicateStates = []string{"23505"}

	transientNumbers = []uint64{1213, 1205, 1020, 1614, 3572} // deadlock, lock wait timeout, record changed, XA deadlock, NOWAIT
	duplicateNumbers = []uint64{1062, 1586}

	presentNumbers = []uint64{1060, 1061} // duplicate column, duplicate key name

	transientCodes = []int64{5, 6}       // SQLITE_BUSY and SQLITE_LOCKED, with all their extended codes
	duplicateCodes = []int64{1555, 2067} // SQLITE_CONSTRAINT_PRIMARYKEY and _UNIQUE
)

// ErrChanged says that a row was not as it had been read, a moment before, in spite of a lock: it was
// changed by somebody who does not take that lock. It is Transient.
var ErrChanged = errors.New("a row was changed meanwhile")

// Classify looks through everything that err wraps. The nil error is a Failure.
func Classify(err error) Class {
	if errors.Is(err, gorm.ErrDuplicatedKey) { // from a host that translates errors itself
		return Duplicate
	}
	if errors.Is(err, ErrChanged) {
		return Transient
	}
	var class Class
	walk(err, func(e error) bool {
		class = classOf(e)
		return class == Failure
	})
	return class
}

// IsPresent reports whether MariaDB or MySQL refused to add a column or an index that is there already. It
// is a Failure to [Classify], for only who repeats a migration may go on.
func IsPresent(err error) bool {
	present := false
	walk(err, func(e error) bool {
		number, ok := mysqlNumber(reflect.Indirect(reflect.ValueOf(e)))
		present = ok && slices.Contains(presentNumbers, number)
		return !present
	})
	return present
}

// walk visits err and all that it wraps until visit returns false.
func walk(err error, visit func(error) bool) bool {
	if err == nil {
		return true
	}
	if !visit(err) {
		return false
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return walk(wrapper.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			if !walk(inner, visit) {
				return false
			}
		}
	}
	return true
}

func classOf(err error) Class {
	if e, ok := err.(interface{ SQLState() string }); ok { // pgconn.PgError, pq.Error
		return pick(e.SQLState(), transientStates, duplicateStates)
	}
	if e, ok := err.(interface{ Code() int }); ok { // sqlite.Error of the pure-Go driver
		return sqliteClass(int64(e.Code()))
	}
	v := reflect.Indirect(reflect.ValueOf(err))
	if number, ok := mysqlNumber(v); ok {
		return pick(number, transientNumbers, duplicateNumbers)
	}
	if v.Kind() != reflect.Struct {
		return Failure
	}
	if code := v.FieldByName("ExtendedCode"); code.Kind() == reflect.Int { // sqlite3.Error of the cgo driver
		return sqliteClass(code.Int())
	}
	return Failure
}

// mysqlNumber returns the number of a mysql.MySQLError.
func mysqlNumber(err reflect.Value) (number uint64, ok bool) {
	if err.Kind() != reflect.Struct {
		return 0, false
	}
	field := err.FieldByName("Number")
	if field.Kind() != reflect.Uint16 {
		return 0, false
	}
	return field.Uint(), true
}

func sqliteClass(extended int64) Class {
	if slices.Contains(transientCodes, extended&0xff) {
		return Transient
	}
	return pick(extended, nil, duplicateCodes)
}

func pick[T comparable](value T, transients, duplicates []T) Class {
	switch {
	case slices.Contains(transients, value):
		return Transient
	case slices.Contains(duplicates, value):
		return Duplicate
	default:
		return Failure
	}
}
