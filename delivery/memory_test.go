package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// attempted is an attempt that took so long, and timed out where it took a second or more.
func attempted(took time.Duration) *models.Attempt {
	a := &models.Attempt{Success: took < time.Second, Timings: models.Timings{Total: took}}
	if !a.Success {
		a.Reason = models.ReasonTimeout
	}
	return a
}

func TestTempo(t *testing.T) {
	t.Parallel()
	const fast, late, never, retry = 20 * time.Millisecond, 900 * time.Millisecond, time.Second, 10 * time.Second
	for name, c := range map[string]struct {
		calls   []time.Duration
		pace    pace
		perSlot int
	}{
		"nothing known":               {nil, untried, 16},
		"the first call tells":        {[]time.Duration{fast}, quick, 16},
		"also where it is bad":        {[]time.Duration{never}, slow, 2},
		"a timeout tells at once":     {[]time.Duration{fast, fast, fast, never}, slow, 2},
		"one late answer does not":    {[]time.Duration{fast, late}, quick, 2},
		"two do":                      {[]time.Duration{fast, late, late}, slow, 2},
		"one good answer is no proof": {[]time.Duration{never, fast}, slow, 2},
		"two are":                     {[]time.Duration{never, fast, fast}, quick, 3},
		"also after a retry":          {[]time.Duration{retry, fast, fast}, quick, 3},
		"what it holds goes by time":  {[]time.Duration{100 * time.Millisecond}, quick, 10},
	} {
		var got tempo
		for _, took := range c.calls {
			got.observe(attempted(took))
		}
		require.Equal(t, c.pace, got.pace(), name)
		require.Equal(t, c.perSlot, got.perSlot(), name)
	}
}

// loaded is a board under test, and what the dispatcher would remember of it.
type loaded struct {
	board
	subs    []*models.Subscription
	running []task
	claims  []claim
	made    int
}

func (l *loaded) job(s *models.Subscription, attempts int) models.Job {
	l.made++
	id := models.ID{byte(l.made >> 16), byte(l.made >> 8), byte(l.made)}
	return models.Job{
		Delivery: models.Delivery{ID: id, SubscriptionID: s.ID, Attempts: attempts},
		Event:    &models.Event{Data: make([]byte, 10)}, Current: s,
	}
}

// step does one of the things that the dispatcher does.
func (l *loaded) step(t *rapid.T) {
	s := rapid.SampledFrom(l.subs).Draw(t, "subscription")
	switch rapid.IntRange(0, 6).Draw(t, "what") {
	case 0, 1:
		if l.reserve(s, 10) {
			l.lane(s.ID).reserved--
			l.push(l.job(s, 0))
		}
	case 2:
		if l.reserve(s, 10) {
			l.unreserve(s.ID, 10)
		}
		l.mark(s.ID, time.Time{})
	case 3:
		if next, ok := l.next(noon, func(lane *lane, _ time.Duration) { lane.sleeping = false },
			func(lane *lane, _ time.Duration) { lane.early = false }); ok {
			l.running = append(l.running, next)
		}
	case 4:
		if n := len(l.running); n > 0 {
			at := rapid.IntRange(0, n-1).Draw(t, "call")
			took := rapid.SampledFrom([]time.Duration{time.Millisecond, 600 * time.Millisecond, time.Second}).Draw(t, "took")
			ended := &l.running[at]
			l.done(ended, attempted(took), ended.job.Current)
			l.running = append(l.running[:at], l.running[at+1:]...)
		}
	case 5:
		if c, ok := l.claim(noon, maxClaimLanes); ok {
			l.claims = append(l.claims, c)
		}
	case 6:
		for _, c := range l.claims {
			var jobs []models.Job
			for _, want := range c.wants {
				for i := range rapid.IntRange(0, want.Limit).Draw(t, "found") {
					jobs = append(jobs, l.job(l.subs[want.SubscriptionID[1]], i%2))
				}
			}
			l.settle(c, jobs, rapid.Bool().Draw(t, "failed") && len(jobs) == 0)
		}
		l.claims = nil
	}
}

// Whatever happens, each job is counted once, where it belongs, and the bounds hold.
func TestBoardCountsWhatItHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := Options{MaxInFlight: 20, MaxJobs: 60, MaxBytes: 10_000, MaxPerLane: 30}
		l := &loaded{board: newBoard(&o)}
		for i := range 6 {
			s := &models.Subscription{ID: models.ID{1, byte(i)}, Enabled: true, AutoRetry: true}
			if i == 5 {
				s.RatePerSec = 5
			}
			l.subs = append(l.subs, s)
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			l.step(t)
			var want [paces]int
			flight := 0
			for _, lane := range l.lanes {
				held := lane.queued() + lane.reserved + lane.claiming + lane.inFlight
				require.Equal(t, held, lane.held)
				for p := quick; p <= lane.stays; p++ {
					want[p] += held
				}
				flight += lane.inFlight
			}
			for p := range paces {
				require.Equal(t, want[p], l.memory[p].jobs, "pace %d", p)
			}
			require.LessOrEqual(t, want[quick], o.MaxJobs)
			require.LessOrEqual(t, flight, o.MaxInFlight)
			require.Equal(t, flight, l.slots.of(fresh)+l.slots.of(retries))
		}
	})
}

// Lanes that are stuck with their backlogs are no reason to claim little for one that drains, and are not looked at each time.
func TestClaimsAreForLanesThatDrain(t *testing.T) {
	t.Parallel()
	o := Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 1000}
	b := newBoard(&o)
	const stuck = 5000
	for i := range stuck {
		l := b.lane(models.ID{1, byte(i >> 8), byte(i)})
		l.tempo.observe(attempted(time.Second))
		l.window.size = 1
		b.regard(l)
		b.mark(l.id, time.Time{})
	}
	for waiting := stuck; waiting > 0; {
		c, ok := b.claim(noon, maxClaimLanes)
		require.True(t, ok)
		var jobs []models.Job
		for _, want := range c.wants {
			for range want.Limit {
				jobs = append(jobs, models.Job{
					Delivery: models.Delivery{SubscriptionID: want.SubscriptionID}, Event: &models.Event{},
					Current: &models.Subscription{ID: want.SubscriptionID},
				})
			}
		}
		waiting -= len(c.wants)
		b.settle(c, jobs, false)
	}
	_, ok := b.claim(noon, maxClaimLanes)
	require.False(t, ok, "each holds what it may")
	require.Zero(t, b.backlogs.size)
	well := b.lane(models.ID{2})
	well.tempo.observe(attempted(time.Millisecond))
	well.window.size = 64
	b.regard(well)
	b.mark(well.id, time.Time{})
	c, ok := b.claim(noon, maxClaimLanes)
	require.True(t, ok)
	require.Equal(t, []models.Want{{SubscriptionID: well.id, Limit: maxClaim}}, c.wants)
	require.Equal(t, 1, b.backlogs.size)
}

// Receivers that are stuck leave memory to new ones, and both to those that are quick.
func TestMemoryIsKeptForEach(t *testing.T) {
	t.Parallel()
	o := Options{MaxInFlight: 512, MaxJobs: 1000, MaxBytes: 1 << 20, MaxPerLane: 1000}
	b := newBoard(&o)
	fill := func(kind byte, observe func(*lane)) (n int) {
		for i := range 1000 {
			s := &models.Subscription{ID: models.ID{kind, byte(i >> 8), byte(i)}}
			observe(b.lane(s.ID))
			for b.reserve(s, 1) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 500, fill(1, func(l *lane) { l.tempo.observe(attempted(time.Second)) }))
	require.Equal(t, 250, fill(2, func(*lane) {}))
	require.Equal(t, 250, fill(3, func(l *lane) { l.tempo.observe(attempted(time.Millisecond)) }))
	b.mark(models.ID{1, 1}, time.Time{})
	b.mark(models.ID{9}, time.Time{})
	_, ok := b.claim(noon, maxClaimLanes)
	require.False(t, ok)
	require.False(t, b.eased())
	for i := range 200 { // the slow ones give some back
		b.unreserve(models.ID{1, 0, byte(i % 60)}, 1)
	}
	require.True(t, b.eased(), "and the claim that was put off is worth a try")
}
