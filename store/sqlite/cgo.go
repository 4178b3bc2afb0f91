//go:build cgo

package sqlite

import (
	"fmt"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
)

var parameters = fmt.Sprintf("_busy_timeout=%d&_journal_mode=WAL&_synchronous=NORMAL&_foreign_keys=1&_txlock=immediate", busyMillis)

func dialector(dsn string) gorm.Dialector { return sqlite.Open(dsn) }
