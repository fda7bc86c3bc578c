package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// slowStatement is when a statement is worth a line in the log.
const slowStatement = time.Second

// gormConfig is common to both dialects: no hidden transactions, errors translated, no parameters in logs.
func gormConfig(l *slog.Logger) *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		TranslateError:         true,
		DisableAutomaticPing:   true,
		Logger:                 gormLogger{l},
	}
}

// gormLogger logs slow statements. Errors are returned to callers and therefore not logged here as well.
type gormLogger struct{ *slog.Logger }

var (
	_ logger.Interface  = gormLogger{}
	_ gorm.ParamsFilter = gormLogger{}
)

// LogMode keeps the level of the slog logger, which is the one the operator set.
func (l gormLogger) LogMode(logger.LogLevel) logger.Interface { return l }

// Info passes gorm's own remarks on, as debug lines.
func (l gormLogger) Info(ctx context.Context, format string, args ...any) {
	l.DebugContext(ctx, "store.gorm", "remark", fmt.Sprintf(format, args...))
}

// Warn passes gorm's own warnings on.
func (l gormLogger) Warn(ctx context.Context, format string, args ...any) {
	l.WarnContext(ctx, "store.gorm", "remark", fmt.Sprintf(format, args...))
}

// Error passes gorm's own complaints on.
func (l gormLogger) Error(ctx context.Context, format string, args ...any) {
	l.ErrorContext(ctx, "store.gorm", "remark", fmt.Sprintf(format, args...))
}

// Trace logs a statement that was slow, without its parameters.
func (l gormLogger) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), _ error) {
	took := time.Since(begin) //nolint:forbidigo // gorm took begin from the real clock
	if took >= slowStatement {
		text, rows := statement()
		l.WarnContext(ctx, "store.slow", "sql", text, "rows", rows, "ms", took.Milliseconds())
	}
}

// ParamsFilter drops the parameters: they hold payloads and sealed secrets.
func (l gormLogger) ParamsFilter(_ context.Context, text string, _ ...any) (string, []any) {
	return text, nil
}
