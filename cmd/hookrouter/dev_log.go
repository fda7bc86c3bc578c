package main

import (
	"context"
	"log/slog"
	"net/http"
)

// quiet is a log without the requests that went well, which are debug lines of serve --dev: each page makes some, and would push the
// greeting, with its key and its link, off the terminal.
type quiet struct{ slog.Handler }

// Handle drops them unless debug lines are wanted.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "http.request" && r.Level < slog.LevelWarn && !q.Enabled(ctx, slog.LevelDebug) {
		well := false
		r.Attrs(func(a slog.Attr) bool {
			well = a.Key == "status" && a.Value.Kind() == slog.KindInt64 && a.Value.Int64() < http.StatusBadRequest
			return !well
		})
		if well {
			return nil
		}
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup is part of slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
