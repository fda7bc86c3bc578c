package main

import (
	"fmt"
	"time"

	"hookrouter/delivery"
	"hookrouter/delivery/egress"
	"hookrouter/delivery/http1"
	"hookrouter/models"
	"hookrouter/routing"
)

// role is which part of the work an instance does. On one Postgres any number of instances of any role work side by side.
type role string

const (
	roleAll    role = "all"
	roleAPI    role = "api"    // accepts events and answers the API; sends nothing
	roleWorker role = "worker" // sends and retries; serves its probes only
)

func (r role) accepts() bool { return r != roleWorker }
func (r role) sends() bool   { return r != roleAPI }

// recordPace: at some hundred deliveries a second, PostgreSQL spends most of its time on beginning statements, and an event that comes
// while one of them records is late. See docs/adr/0033.
const recordPace = 50 * time.Millisecond

// healthPace: where endpoints fail, most outcomes that are recorded have a failure among them, and each would be followed by a commit of its
// own. See docs/adr/0035.
const healthPace = 100 * time.Millisecond

// wireDelivery makes what an instance needs to send.
func (s *server) wireDelivery(guard *egress.Policy, own *egress.Own, address string) error {
	c := s.config
	// Many subscriptions may lead to one host, a relay for instance: as many connections are kept as calls can be in flight.
	guarded := egress.NewTransport(guard, egress.TransportOptions{MaxIdleConnsPerHost: c.MaxInFlight, MaxIdleConns: 2 * c.MaxInFlight})
	sender, err := delivery.NewHTTPSender(delivery.SenderOptions{
		Transport:    own.Transport(http1.Over(guarded, time.Now)),
		Own:          own.Holds,
		Schemes:      c.EndpointSchemes,
		UserAgent:    c.UserAgent,
		TimeoutFirst: c.TimeoutFirst,
		TimeoutRetry: c.TimeoutRetry,
		Now:          time.Now,
	})
	if err != nil {
		return err
	}
	o := delivery.Options{
		Queue:       s.queue(),
		Directory:   s.matcher,
		Sender:      sender,
		Conditions:  s.db,
		Suspend:     delivery.SuspendPolicy{After: c.SuspendAfter, Window: c.SuspendWindow},
		Notify:      s.notify,
		Policy:      delivery.Policy{Schedule: c.RetrySchedule, Jitter: c.RetryJitter},
		Name:        instanceName(address),
		MaxInFlight: c.MaxInFlight,
		RecordPace:  recordPace,
		HealthPace:  healthPace,
		Now:         time.Now,
		Logger:      s.log,
	}
	if s.shared() {
		o.Hints, o.Self = s.db, s.mark
	}
	if s.dispatcher, err = delivery.NewDispatcher(o); err != nil {
		return err
	}
	s.retrier, err = delivery.NewRetrier(delivery.RetrierOptions{
		Queue: s.queue(), Directory: s.matcher, Dispatcher: s.dispatcher, Auditor: s.db, Spec: c.RetryCron,
		Now: time.Now, Logger: s.log,
	})
	if err != nil {
		return usageError{fmt.Errorf("settings: retry_cron: %w", err)}
	}
	return nil
}

// wireAccept makes what an instance needs to take events; one without an API takes those that it publishes itself. Who takes their deliveries over depends on its role, and on whether there can
// be others.
func (s *server) wireAccept() error {
	var handover routing.Handover = s.dispatcher
	if s.shared() {
		o := delivery.AnnouncerOptions{Hints: s.db, Self: s.mark, Logger: s.log, Now: time.Now}
		if s.config.Role.sends() {
			o.Owner = s.dispatcher.Owner
		}
		var err error
		if s.announcer, err = delivery.NewAnnouncer(o); err != nil {
			return err
		}
		handover = s.announcer
		if s.config.Role.sends() {
			handover = delivery.Sharing{Dispatcher: s.dispatcher, Announcer: s.announcer}
		}
	}
	var err error
	s.router, err = routing.NewRouter(routing.RouterOptions{
		Matcher: s.matcher, Outbox: s.outbox(), Handover: handover, Types: s.book, Committers: s.db.Committers(),
		Now: time.Now, NewID: newID, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.notifier, err = routing.NewNotifier(routing.NotifierOptions{Matcher: s.matcher, Accept: s.accepter().Accept, Logger: s.log})
	return err
}

// notify is there before the notifier is, which needs the router, which needs who is to notify.
func (s *server) notify(n models.Notice) { s.notifier.Notify(n) }

// shared reports whether other instances can work on this database.
func (s *server) shared() bool { return s.db.Dialect() == "postgres" }
