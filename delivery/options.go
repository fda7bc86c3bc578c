package delivery

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"hookrouter/models"
)

// Options are what a [Dispatcher] needs. Queue, Directory, Sender, Name, Logger and Now are required; a zero number takes its default.
type Options struct {
	Queue     Queue
	Directory Directory
	Sender    Sender
	Name      string // of this instance, such as its host name; at its start, others of the same name are taken for dead
	Logger    *slog.Logger

	Policy Policy // default: [DefaultPolicy], where Schedule is nil

	// Hints, where set, brings word of deliveries that other instances stored and can't send themselves. Self is the mark by which
	// this instance's own hints are known. Without them such deliveries wait for a sweep.
	Hints Hints
	Self  models.ID

	// Conditions, where set, keeps which endpoints fail and are suspended. Without it none is.
	Conditions Conditions
	// Suspend is when a failing endpoint is suspended. One that answers 410 is in any case.
	Suspend SuspendPolicy
	// Notify, where set, is told what an organization may want to know of its endpoints. It must not block.
	Notify func(models.Notice)

	// MaxInFlight is how many calls may run at the same time. Default: 512.
	MaxInFlight int
	// MaxJobs, MaxBytes and MaxPerLane bound what waits in memory: deliveries, bytes of their data, and deliveries of one lane.
	// Default: 20,000, 64 MiB and 1,000. Failure policy: the rest stays pending in the database and is claimed as lanes drain. A
	// claim goes by the size of what came before and learns the true one only afterwards, so MaxBytes may be passed for as long as it
	// takes to give back what is too much.
	MaxJobs, MaxBytes, MaxPerLane int

	// RecordBatch is how many results one commit takes at most, Committers how many commits run side by side, RecordQueue how many
	// results may wait for one. Default: 512, 2 and 4,096. Failure policy: when the queue is full, workers wait with their slot, so
	// a slow database slows sending down and nothing is lost.
	RecordBatch, Committers, RecordQueue int
	// RecordPace is the time between the beginnings of two commits of less than half of RecordBatch: it saves the database statements,
	// and in a crash up to as many more deliveries are sent again as end in that time. Default: none.
	RecordPace time.Duration
	// HealthPace is the time for which failures and recoveries gather before they are counted in the database, unless they change an
	// endpoint's state by themselves. What gathered is lost in a crash. Default: none.
	HealthPace time.Duration

	// HeartbeatEvery is how often the instance says that it lives. Default: 2 s.
	HeartbeatEvery time.Duration
	// HoldAfter is how long the last good heartbeat may be ago before nothing is sent or taken on any more, because others may have
	// declared this instance dead. It must be below the time of silence after which they do. Default: 8 s.
	HoldAfter time.Duration
	// Grace is how long [Dispatcher.Stop] may take after its context has ended, to give back and record. Default: 5 s.
	Grace time.Duration

	Now    func() time.Time // required
	Random func() float64   // in [0, 1), for jitter; default: math/rand/v2, as nothing secret depends on it
}

// prepare fills the defaults and checks the options.
func (o *Options) prepare() error {
	if o.Policy.Schedule == nil {
		o.Policy = DefaultPolicy()
	}
	o.MaxInFlight = cmp.Or(o.MaxInFlight, 512)
	o.MaxJobs = cmp.Or(o.MaxJobs, 20_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, 64<<20)
	o.MaxPerLane = cmp.Or(o.MaxPerLane, 1000)
	o.RecordBatch = cmp.Or(o.RecordBatch, 512)
	o.Committers = cmp.Or(o.Committers, 2)
	o.RecordQueue = cmp.Or(o.RecordQueue, 4096)
	o.HeartbeatEvery = cmp.Or(o.HeartbeatEvery, 2*time.Second)
	o.HoldAfter = cmp.Or(o.HoldAfter, 8*time.Second)
	o.Grace = cmp.Or(o.Grace, 5*time.Second)
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return o.check()
}

func (o *Options) check() error {
	switch {
	case o.Queue == nil || o.Directory == nil || o.Sender == nil || o.Logger == nil || o.Now == nil:
		return errors.New("dispatcher: queue, directory, sender, logger and clock are required")
	case o.Name == "":
		return errors.New("dispatcher: the instance has no name")
	case o.MaxInFlight < 2: // one slot for fresh deliveries, one for retries
		return fmt.Errorf("dispatcher: %d calls in flight are too few, want at least 2", o.MaxInFlight)
	case min(o.MaxJobs, o.MaxBytes, o.MaxPerLane, o.RecordBatch, o.Committers, o.RecordQueue) < 1:
		return errors.New("dispatcher: a bound is below 1")
	case o.HeartbeatEvery < 0 || o.Grace < 0 || min(o.RecordPace, o.HealthPace) < 0 || o.HoldAfter < 2*o.HeartbeatEvery: // one heartbeat may get lost
		return fmt.Errorf("dispatcher: a time is below 0, or hold after %s is not at least twice the heartbeat's %s", o.HoldAfter, o.HeartbeatEvery)
	}
	if err := o.Suspend.Validate(); err != nil {
		return err
	}
	return o.Policy.Validate()
}
