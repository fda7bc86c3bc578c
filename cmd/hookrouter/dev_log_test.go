package main

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDevLogIsQuiet holds that requests do not bury the greeting, and that everything else is there.
func TestDevLogIsQuiet(t *testing.T) {
	t.Parallel()
	write := func(level slog.Level) string {
		var out bytes.Buffer
		log := slog.New(quiet{slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})}).With("part", "api")
		log.Info("http.request", "route", "/well", "status", 200)
		log.Info("http.request", "route", "/badly", "status", 404)
		log.Info("serving", "status", 200)
		return out.String()
	}
	text := write(slog.LevelInfo)
	require.NotContains(t, text, "/well")
	require.Contains(t, text, "/badly")
	require.Contains(t, text, "serving")
	require.Contains(t, write(slog.LevelDebug), "/well")
}
