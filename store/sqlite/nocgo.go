//go:build !cgo

package sqlite

import (
	"fmt"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
)

var parameters = fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)&_txlock=immediate", busyMillis)

func dialector(dsn string) gorm.Dialector { return sqlite.Open(dsn) }
