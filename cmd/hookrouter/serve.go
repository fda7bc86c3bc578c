package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"hookrouter/delivery"
	"hookrouter/delivery/egress"
	"hookrouter/delivery/format"
	"hookrouter/handlers"
	"hookrouter/handlers/admin"
	"hookrouter/models"
	"hookrouter/routing"
	"hookrouter/signing"
	"hookrouter/store"
)

// Limits of the HTTP server. The largest body is a batch of 4 MiB, which a slow producer may send over readTimeout.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// closeTimeout is how long a stopping process waits for each of its parts but the calls in flight, which have a setting.
const closeTimeout = 5 * time.Second

func serveCommand(p program) *cobra.Command {
	var dev bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run it: the API, the deliveries and the retrier",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			need := keyRequired
			if dev {
				need = keyMade
			}
			db, c, err := p.openStore(cmd, need)
			if err != nil {
				return err
			}
			tuneMemory(p.env)
			s := &server{program: p, config: c, db: db, log: p.logger(c)}
			return errors.Join(s.run(cmd.Context(), dev), db.Close())
		},
	}
	cmd.Flags().BoolVar(&dev, "dev", false, "for development: makes a master key, an organization and a key; allows http and loopback endpoints")
	return cmd
}

// server is one running instance.
type server struct {
	program
	config config
	db     *store.Store
	log    *slog.Logger

	matcher    *routing.Matcher
	dispatcher *delivery.Dispatcher
	retrier    *delivery.Retrier
	router     *routing.Router
	http       *http.Server
	draining   atomic.Bool
}

// run starts the parts in the order of their needs, serves until ctx ends, and stops them in the reverse order.
func (s *server) run(ctx context.Context, dev bool) error {
	if err := s.db.LockProcess(); err != nil {
		return err
	}
	if err := s.db.CheckMasterKey(ctx); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := s.wire(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := s.start(ctx); err != nil {
		return errors.Join(err, listener.Close(), s.stop(ctx))
	}
	go s.maintain(ctx)
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(listener) }()
	s.log.InfoContext(ctx, "serving", "listen", listener.Addr().String(), "database", s.db.Dialect(), "version", version())
	if dev {
		if err := s.greet(ctx, listener.Addr().String()); err != nil {
			return errors.Join(err, s.stop(ctx))
		}
	}
	select {
	case <-ctx.Done():
		s.log.Info("draining", "timeout", s.config.DrainTimeout.String())
	case err := <-served:
		return errors.Join(fmt.Errorf("http server: %w", err), s.stop(ctx))
	}
	return s.stop(ctx)
}

// wire makes the parts and joins them.
func (s *server) wire(address string) error {
	c := s.config
	guard, err := egress.New(egress.Options{Allow: c.EgressAllow, Schemes: c.EndpointSchemes})
	if err != nil {
		return fmt.Errorf("egress policy: %w", err)
	}
	sender, err := delivery.NewHTTPSender(delivery.SenderOptions{
		// Many subscriptions may lead to one host, a relay for instance: as many connections are kept as calls can be in flight.
		Transport:    egress.NewTransport(guard, egress.TransportOptions{MaxIdleConnsPerHost: c.MaxInFlight, MaxIdleConns: 2 * c.MaxInFlight}),
		Schemes:      c.EndpointSchemes,
		UserAgent:    c.UserAgent,
		TimeoutFirst: c.TimeoutFirst,
		TimeoutRetry: c.TimeoutRetry,
		Now:          time.Now,
	})
	if err != nil {
		return err
	}
	s.matcher = routing.NewMatcher(s.db)
	s.dispatcher, err = delivery.NewDispatcher(delivery.Options{
		Queue:       s.db,
		Directory:   s.matcher,
		Sender:      sender,
		Policy:      delivery.Policy{Schedule: c.RetrySchedule, Jitter: c.RetryJitter},
		Name:        instanceName(address),
		MaxInFlight: c.MaxInFlight,
		Now:         time.Now,
		Logger:      s.log,
	})
	if err != nil {
		return err
	}
	s.retrier, err = delivery.NewRetrier(delivery.RetrierOptions{
		Queue: s.db, Directory: s.matcher, Dispatcher: s.dispatcher, Auditor: s.db, Spec: c.RetryCron,
		Now: time.Now, Logger: s.log,
	})
	if err != nil {
		return usageError{err}
	}
	s.router, err = routing.NewRouter(routing.RouterOptions{
		Matcher: s.matcher, Outbox: s.db, Handover: s.dispatcher, Committers: s.db.Committers(),
		Now: time.Now, NewID: newID, Logger: s.log,
	})
	if err != nil {
		return err
	}
	return s.wireHTTP(guard)
}

func (s *server) wireHTTP(guard *egress.Policy) error {
	c := s.config
	operator, err := admin.New(admin.Options{
		Token: models.NewSecret(c.AdminToken), Store: s.db, NewID: newID, Now: time.Now, Random: rand.Reader,
	})
	if err != nil {
		return err
	}
	handler, err := handlers.New(handlers.Options{
		Accepter:          s.router,
		Store:             s.db,
		Rules:             s.matcher,
		Endpoints:         guard,
		BodyOf:            bodyOf,
		ReservedHeader:    format.Reserved,
		Draining:          s.draining.Load,
		NewID:             newID,
		NewSecret:         newSecret,
		Now:               time.Now,
		Limit:             handlers.Limit{Minute: c.APILimitMinute, Hour: c.APILimitHour},
		SubscriptionQuota: c.QuotaSubscriptions,
		Logger:            s.log,
		Surfaces:          []handlers.Surface{operator},
	})
	if err != nil {
		return err
	}
	s.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	return nil
}

// start loads the rules before anything can be accepted, and owns an instance before anything can be sent. The parts do not get the
// run's context: a signal must not cut off what they have under way; stop ends them in good order.
func (s *server) start(ctx context.Context) error {
	if err := s.matcher.Refresh(ctx); err != nil {
		return fmt.Errorf("load subscriptions: %w", err)
	}
	parts := context.WithoutCancel(ctx)
	if err := s.dispatcher.Start(parts); err != nil {
		return err
	}
	s.router.Start(parts)
	s.retrier.Start(parts)
	return nil
}

// stop drains: no new requests, then no new batches, then no new claims; calls in flight get the drain time to end, and what is
// left is given back uncounted. The run's context has ended by now, so only its values are used. Each step has a time of its own, so
// that a producer which stalls in the middle of a request does not use up the time of the calls to endpoints.
func (s *server) stop(ctx context.Context) error {
	s.draining.Store(true)
	ctx = context.WithoutCancel(ctx)
	return errors.Join(
		within(ctx, closeTimeout, s.stopHTTP),
		within(ctx, closeTimeout, s.router.Stop),
		within(ctx, closeTimeout, s.retrier.Stop),
		within(ctx, s.config.DrainTimeout, s.dispatcher.Stop),
	)
}

func within(ctx context.Context, limit time.Duration, step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return step(ctx)
}

// stopHTTP lets requests end. Failure policy: those that take longer are cut off, as nothing of them was accepted yet or their events
// are in the router's hands.
func (s *server) stopHTTP(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err == nil {
		return nil
	}
	s.log.Warn("http.cut_off", "error", err)
	if err := s.http.Close(); err != nil {
		return fmt.Errorf("stop http server: %w", err)
	}
	return nil
}

// instanceName is the same for each start of the same program on the same host and port, and for nothing else that can run at the
// same time: whoever holds the port knows that its predecessor of this name is dead, and takes its work over at once.
func instanceName(address string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	machine, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		machine = nil // containers have none; there the host name is unique
	}
	return cmp.Or(strings.TrimSpace(string(machine)), "-") + "/" + host + "/" + address
}

// newSecret makes a subscription's secret. The system's random source does not fail; crypto/rand ends the process if it did.
func newSecret() string {
	secret, err := signing.GenerateSecret(rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("generate secret: %v", err))
	}
	return secret
}

// bodyOf writes the body of a delivery as its attempts have it.
func bodyOf(j models.Job) []byte {
	f, ok := format.For(j.Matched.Format)
	if !ok {
		return nil
	}
	return f.Body(&j)
}
