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
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"hookrouter/catalogue"
	"hookrouter/delivery"
	"hookrouter/delivery/egress"
	"hookrouter/delivery/format"
	"hookrouter/handlers"
	"hookrouter/handlers/admin"
	"hookrouter/handlers/documenso"
	"hookrouter/handlers/metrics"
	"hookrouter/models"
	"hookrouter/routing"
	"hookrouter/sandbox"
	"hookrouter/signing"
	"hookrouter/store"
)

// Limits of the HTTP server. The largest body is a batch of 4 MiB, which a slow producer may send over readTimeout. writeTimeout, from the
// end of a request's header, is for clients that don't read their answer; what is sent for as long as somebody looks sets its own.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 2 * time.Minute
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
			log := p.logger(c)
			if dev {
				log = slog.New(quiet{log.Handler()})
			}
			s := &server{program: p, config: c, db: db, log: log, mark: newID()}
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

	public     string    // where it is reached
	mark       models.ID // by which this process's hints are known
	book       *catalogue.Book
	matcher    *routing.Matcher
	dispatcher *delivery.Dispatcher // nil where nothing is sent, like retrier
	retrier    *delivery.Retrier
	announcer  *delivery.Announcer // nil on SQLite
	router     *routing.Router
	notifier   *routing.Notifier
	http       *http.Server
	address    string
	metrics    *metrics.Metrics
	page       *metricsPage // nil where metrics are not served
	upkeep     *delivery.Schedule
	folding    *delivery.Schedule
	tallying   *delivery.Schedule
	resending  *delivery.Schedule
	resender   resender
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
	if err := s.measure(ctx); err != nil {
		return err
	}
	defer s.page.close()
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
	s.page.serve(ctx, s.log)
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(listener) }()
	s.log.InfoContext(ctx, "serving", "listen", listener.Addr().String(), "role", string(s.config.Role), "database", s.db.Dialect(), "version", version())
	debug.FreeOSMemory() // what starting took, which would else stay until the first collection under load
	if dev && s.config.Role.accepts() {
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
	s.address = address
	guard, err := egress.New(egress.Options{Allow: c.EgressAllow, Schemes: c.EndpointSchemes})
	if err != nil {
		return fmt.Errorf("egress policy: %w", err)
	}
	s.public = publicURL(c.PublicURL, address)
	own, err := egress.NewOwn(s.public, models.InboxTokenLength)
	if err != nil {
		return usageError{fmt.Errorf("public_url: %w", err)}
	}
	if s.upkeep, err = delivery.NewSchedule(c.MaintenanceCron, time.Now(), s.log, s.maintain); err != nil {
		return usageError{fmt.Errorf("settings: maintenance_cron: %w", err)}
	}
	if s.folding, err = delivery.NewSchedule(foldEvery, time.Now(), s.log, s.fold); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if s.tallying, err = delivery.NewSchedule(foldSoon, time.Now(), s.log, s.foldStats); err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	if s.resending, err = delivery.NewSchedule(resendEvery, time.Now(), s.log, s.resend); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	s.book = catalogue.NewBook(s.db)
	s.matcher = routing.NewMatcher(s.db).With(s.book)
	if s.config.Role.sends() {
		if err := s.wireDelivery(guard, own, address); err != nil {
			return err
		}
	}
	if err := s.wireAccept(); err != nil {
		return err
	}
	surface := s.probes
	if s.config.Role.accepts() {
		surface = func() (http.Handler, error) { return s.api(guard, own) }
	}
	handler, err := surface()
	if err != nil {
		return err
	}
	s.http = newHTTPServer(s.metrics.Calls(handler), s.log)
	return nil
}

// newHTTPServer bounds what each client may take of the server.
func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// probes is what an instance without an API answers.
func (s *server) probes() (http.Handler, error) {
	return handlers.NewProbes(handlers.ProbeOptions{
		Store: s.db, Rules: s.matcher, Draining: s.draining.Load, NewID: newID, Now: time.Now, Logger: s.log,
	})
}

// api is what all others answer.
func (s *server) api(guard *egress.Policy, own *egress.Own) (http.Handler, error) {
	c := s.config
	o := admin.Options{
		Token: models.NewSecret(c.AdminToken), Store: s.db, NewID: newID, Now: time.Now, Random: rand.Reader,
		SubscriptionQuota: c.QuotaSubscriptions, WorkspaceQuota: c.QuotaWorkspaces, Settings: c.effective,
	}
	if s.dispatcher != nil {
		o.Lanes = s.dispatcher
	}
	operator, err := admin.New(o)
	if err != nil {
		return nil, err
	}
	packs, err := s.quicklySign(egress.OwnChecker{Policy: guard, Own: own})
	if err != nil {
		return nil, err
	}
	planner, err := delivery.NewPlanner(delivery.Planner{
		Policy: delivery.Policy{Schedule: c.RetrySchedule, Jitter: c.RetryJitter}, TimeoutFirst: c.TimeoutFirst, TimeoutRetry: c.TimeoutRetry,
	})
	if err != nil {
		return nil, err
	}
	box := sandbox.New(newID, time.Now)
	return handlers.New(handlers.Options{
		Accepter:           s.accepter(),
		Store:              s.db,
		Rules:              s.matcher,
		Endpoints:          egress.OwnChecker{Policy: guard, Own: own},
		Types:              s.book,
		BodyOf:             bodyOf,
		Formats:            format.List{},
		Planner:            planner,
		ReservedHeader:     format.Reserved,
		Samples:            box,
		Scenarios:          box,
		InboxAddress:       own.Address,
		VerdictOf:          verdictOf,
		Draining:           s.draining.Load,
		Wake:               s.wake,
		JobStarted:         func() { s.resender.known.Store(true) },
		NewID:              newID,
		NewSecret:          newSecret,
		Now:                time.Now,
		Limit:              handlers.Limit{Minute: c.APILimitMinute, Hour: c.APILimitHour},
		SubscriptionQuota:  c.QuotaSubscriptions,
		EntityWebhookQuota: c.QuotaQuicklySign,
		WorkspaceQuota:     c.QuotaWorkspaces,
		Logger:             s.log,
		Surfaces:           []handlers.Surface{operator, packs},
		Guests:             []func(*handlers.Core) handlers.Surface{documenso.Surface},
		Notify:             s.notify,
		Pages:              s.pages,
	})
}

// start loads the rules before anything can be accepted, and owns an instance before anything can be sent. The parts do not get the
// run's context: a signal must not cut off what they have under way; stop ends them in good order.
func (s *server) start(ctx context.Context) error {
	if err := s.matcher.Refresh(ctx); err != nil {
		return fmt.Errorf("load subscriptions: %w", err)
	}
	parts := context.WithoutCancel(ctx)
	if s.dispatcher != nil {
		if err := s.dispatcher.Start(parts); err != nil {
			return err
		}
		s.retrier.Start(parts)
	}
	if s.announcer != nil {
		s.announcer.Start(parts)
	}
	s.router.Start(parts)
	s.notifier.Start(parts)
	s.upkeep.Start(parts)
	s.folding.Start(parts)
	s.tallying.Start(parts)
	s.resender.known.Store(true) // those that a predecessor left
	s.resending.Start(parts)
	return nil
}

// stop drains: no new requests, then no new batches, then no new claims; calls in flight get the drain time to end, and what is
// left is given back uncounted. The run's context has ended by now, so only its values are used. Each step has a time of its own, so
// that a producer which stalls in the middle of a request does not use up the time of the calls to endpoints.
func (s *server) stop(ctx context.Context) error {
	s.draining.Store(true)
	ctx = context.WithoutCancel(ctx)
	errs := []error{within(ctx, closeTimeout, s.stopHTTP), s.stopMaintenance(ctx)}
	errs = append(errs, within(ctx, closeTimeout, s.notifier.Stop), within(ctx, closeTimeout, s.router.Stop))
	if s.announcer != nil { // after the last commit, so that it is announced too
		errs = append(errs, within(ctx, closeTimeout, s.announcer.Stop))
	}
	if s.dispatcher != nil {
		errs = append(errs, within(ctx, closeTimeout, s.retrier.Stop), within(ctx, s.config.DrainTimeout, s.dispatcher.Stop))
	}
	return errors.Join(errs...)
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
