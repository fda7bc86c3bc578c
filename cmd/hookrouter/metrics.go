package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"hookrouter/handlers/metrics"
)

// metricsPage is the listener for scrapes. A nil one, where the setting is empty, does nothing.
type metricsPage struct {
	listener net.Listener
	http     *http.Server
}

// measure makes the metrics, counts what is logged from now on, and takes the address that they are scraped at, so that a wrong one is
// found before anything starts. The metrics are kept also where nobody can scrape them: they cost too little for a second way.
func (s *server) measure(ctx context.Context) (err error) {
	s.metrics, err = metrics.New(metrics.Options{
		Read: s.holdings, Ledger: s.db, Vitals: s.db, Version: version(), Database: s.db.Dialect(), Now: time.Now,
	})
	if err != nil {
		return err
	}
	s.log = slog.New(s.metrics.Logs(s.log.Handler()))
	if s.config.MetricsListen == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.MetricsListen)
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	s.page = &metricsPage{listener: listener, http: &http.Server{
		Handler:           s.metrics.Handler(),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      readTimeout, // a page is some ten kilobytes
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}}
	return nil
}

// serve answers scrapes. The parts of the instance must be there. Failure policy: an instance that can't be watched any more goes on.
func (p *metricsPage) serve(ctx context.Context, log *slog.Logger) {
	if p == nil {
		return
	}
	log.InfoContext(ctx, "serving.metrics", "listen", p.listener.Addr().String())
	go func() {
		if err := p.http.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics.ended", "error", err)
		}
	}()
}

// close cuts scrapes off. It comes after everything else has ended, so that a drain can be watched. Failure policy: errors are ignored,
// because the process ends.
func (p *metricsPage) close() {
	if p == nil {
		return
	}
	_ = p.http.Close()
	_ = p.listener.Close() // where it was never served
}
