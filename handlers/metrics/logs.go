package metrics

import (
	"context"
	"log/slog"
	"strings"
)

// Logs counts the lines of level warn and error that go through a handler, also those that the handler itself would not write. The
// messages of this program are constants (the linter sloglint sees to it), so they make good labels.
func (m *Metrics) Logs(next slog.Handler) slog.Handler { return lines{m, next} }

// lines is a slog.Handler that counts.
type lines struct {
	m    *Metrics
	next slog.Handler
}

var _ slog.Handler = lines{}

// Enabled lets everything pass that is to be counted.
func (l lines) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || l.next.Enabled(ctx, level)
}

// Handle counts a record and hands it on.
func (l lines) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		level := "warn"
		if r.Level >= slog.LevelError {
			level = "error"
			l.m.logErrors.Inc()
		}
		l.m.logLines.WithLabelValues(level, r.Message).Inc()
		if strings.HasSuffix(r.Message, ".panic") {
			l.m.panics.Inc()
		}
		if !l.next.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return l.next.Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (l lines) WithAttrs(attrs []slog.Attr) slog.Handler { return lines{l.m, l.next.WithAttrs(attrs)} }

// WithGroup is part of slog.Handler.
func (l lines) WithGroup(name string) slog.Handler { return lines{l.m, l.next.WithGroup(name)} }
