package signin_test

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// gormLogger hands every statement to trace, with its values in it.
type gormLogger struct{ trace func(sql string) }

func (l gormLogger) LogMode(logger.LogLevel) logger.Interface { return l }
func (gormLogger) Info(context.Context, string, ...any)       {}
func (gormLogger) Warn(context.Context, string, ...any)       {}
func (gormLogger) Error(context.Context, string, ...any)      {}

func (l gormLogger) Trace(_ context.Context, _ time.Time, fc func() (string, int64), _ error) {
	sql, _ := fc()
	l.trace(sql)
}
