package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// noon is when the attempts of these tests end.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// vendorSchedule is written out again, so that changing the policy by accident fails here.
var vendorSchedule = []time.Duration{
	2 * time.Minute, 6 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour, 18 * time.Hour, 24 * time.Hour, 48 * time.Hour,
}

// outcome is an attempt as the sender reports an answer of this status.
func outcome(number, status int) models.Attempt {
	a := models.Attempt{Number: number, StatusCode: status, Success: status >= 200 && status <= 399}
	if !a.Success {
		a.Reason = models.ReasonStatus
	}
	return a
}

func subscription(autoRetry bool) *models.Subscription {
	return &models.Subscription{Enabled: true, AutoRetry: autoRetry}
}

// Every status code, every attempt, both settings of auto_retry, with the exact times.
func TestDecideStatuses(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	require.Equal(t, 9, p.Attempts())
	for status := 100; status <= 599; status++ {
		for number := 1; number <= 9; number++ {
			for _, autoRetry := range []bool{true, false} {
				// Without auto_retry a second attempt exists only as an owed one, and a third not at all.
				if !autoRetry && number > 2 {
					continue
				}
				d := models.Delivery{ID: models.ID{1}, Attempts: number - 1, Owed: !autoRetry && number == 2}
				got := Decide(d, subscription(autoRetry), outcome(number, status), p, noon, 0)
				require.Equal(t, d, got.Delivery)
				require.Equal(t, number, got.Attempt.Number)
				require.False(t, got.Owed)
				switch {
				case status >= 200 && status <= 399:
					require.Equal(t, models.StatusDelivered, got.Status, "%d", status)
					require.Empty(t, got.Reason)
					require.Zero(t, got.DueAt)
				case autoRetry && number <= 8:
					require.Equal(t, models.StatusRetrying, got.Status, "%d, attempt %d", status, number)
					require.Equal(t, noon.Add(vendorSchedule[number-1]), got.DueAt)
					require.Equal(t, models.ReasonStatus, got.Reason)
				default:
					require.Equal(t, models.StatusFailed, got.Status, "%d, attempt %d", status, number)
					require.Equal(t, models.ReasonStatus, got.Reason)
					require.Zero(t, got.DueAt)
				}
			}
		}
	}
}

// Every reason, every attempt, both settings.
func TestDecideReasons(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	for _, reason := range models.AttemptReasons() {
		for number := 1; number <= 9; number++ {
			a := models.Attempt{Number: number, Reason: reason}
			got := Decide(models.Delivery{Attempts: number - 1}, subscription(true), a, p, noon, 0)
			if number <= 8 {
				require.Equal(t, models.StatusRetrying, got.Status, "%s, attempt %d", reason, number)
				require.Equal(t, noon.Add(vendorSchedule[number-1]), got.DueAt)
				require.False(t, got.Owed)
			} else {
				require.Equal(t, models.StatusFailed, got.Status)
			}
		}
		got := Decide(models.Delivery{}, subscription(false), models.Attempt{Number: 1, Reason: reason}, p, noon, 0)
		if reason == models.ReasonTimeout {
			require.Equal(t, models.StatusRetrying, got.Status)
			require.True(t, got.Owed)
			require.Equal(t, noon.Add(2*time.Minute), got.DueAt)
		} else {
			require.Equal(t, models.StatusFailed, got.Status, "%s", reason)
		}
		got = Decide(models.Delivery{Attempts: 1, Owed: true}, subscription(false), models.Attempt{Number: 2, Reason: reason}, p, noon, 0)
		require.Equal(t, models.StatusFailed, got.Status, "exactly one retry is owed, also when it times out")
		require.Equal(t, reason, got.Reason)
	}
}

// What the subscription has become while the call ran.
func TestDecideStopped(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	timeout := models.ReasonTimeout
	deleted := &models.Subscription{Enabled: true, AutoRetry: true, DeletedAt: noon}
	disabled := &models.Subscription{AutoRetry: true}
	deletedOff := &models.Subscription{Enabled: true, DeletedAt: noon}
	for _, c := range []struct {
		name   string
		d      models.Delivery
		s      *models.Subscription
		a      models.Attempt
		status models.DeliveryStatus
		reason models.Reason
	}{
		{"deleted, retry due", models.Delivery{}, deleted, outcome(1, 500), models.StatusCanceled, models.ReasonDeleted},
		{"disabled, retry due", models.Delivery{Attempts: 3}, disabled, outcome(4, 500), models.StatusCanceled, models.ReasonDisabled},
		{"off, retry due", models.Delivery{Attempts: 3}, subscription(false), outcome(4, 500), models.StatusCanceled, models.ReasonAutoRetryOff},
		{"deleted, success", models.Delivery{}, deleted, outcome(1, 200), models.StatusDelivered, ""},
		{"off, success", models.Delivery{Attempts: 3}, subscription(false), outcome(4, 200), models.StatusDelivered, ""},
		{"deleted, none left", models.Delivery{Attempts: 8}, deleted, outcome(9, 500), models.StatusFailed, models.ReasonStatus},
		{"off, none left", models.Delivery{Attempts: 8}, subscription(false), outcome(9, 500), models.StatusFailed, models.ReasonStatus},
		{"deleted, owed", models.Delivery{}, deletedOff, models.Attempt{Number: 1, Reason: timeout}, models.StatusCanceled, models.ReasonDeleted},
		{"deleted, never had a retry", models.Delivery{}, deletedOff, outcome(1, 500), models.StatusFailed, models.ReasonStatus},
		{"owed, then switched on", models.Delivery{Attempts: 1, Owed: true}, subscription(true), outcome(2, 500), models.StatusRetrying, models.ReasonStatus},
	} {
		got := Decide(c.d, c.s, c.a, p, noon, 0)
		require.Equal(t, c.status, got.Status, c.name)
		require.Equal(t, c.reason, got.Reason, c.name)
	}
}

func TestDecideRetryAfter(t *testing.T) {
	t.Parallel()
	p := DefaultPolicy()
	for _, c := range []struct {
		status, number int
		after, want    time.Duration
	}{
		{429, 1, time.Second, 2 * time.Minute}, // never shortens
		{429, 1, time.Hour, time.Hour},         // postpones
		{503, 2, 7 * time.Minute, 7 * time.Minute},
		{503, 1, 0, 2 * time.Minute},
		{500, 1, time.Hour, 2 * time.Minute}, // means nothing there
		{429, 1, 1000 * time.Hour, 24 * time.Hour},
		{429, 8, 24 * time.Hour, 48 * time.Hour},
		{429, 1, -time.Hour, 2 * time.Minute},
	} {
		a := outcome(c.number, c.status)
		a.RetryAfter = c.after
		got := Decide(models.Delivery{Attempts: c.number - 1}, subscription(true), a, p, noon, 0)
		require.Equal(t, noon.Add(c.want), got.DueAt, "%+v", c)
	}
	a := outcome(1, 429)
	a.RetryAfter = time.Hour
	require.Equal(t, models.StatusFailed, Decide(models.Delivery{}, subscription(false), a, p, noon, 0).Status)
}

func TestDecideJitter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{
			Schedule: rapid.SliceOfN(rapid.Map(rapid.Int64Range(1, int64(maxStep)), func(n int64) time.Duration { return time.Duration(n) }), 1, 9).Draw(t, "schedule"),
			Jitter:   rapid.Float64Range(0, 1).Draw(t, "fraction"),
		}
		require.NoError(t, p.Validate())
		number := rapid.IntRange(1, len(p.Schedule)).Draw(t, "number")
		jitter := rapid.Float64Range(-1, 0.999).Draw(t, "jitter")
		step := p.Schedule[number-1]
		wait := Decide(models.Delivery{Attempts: number - 1}, subscription(true), outcome(number, 500), p, noon, jitter).DueAt.Sub(noon)
		slack := time.Duration(float64(step)*p.Jitter) + 1
		require.GreaterOrEqual(t, wait, max(step-slack, 0))
		require.LessOrEqual(t, wait, step+slack)
	})
	p := DefaultPolicy()
	at := func(jitter float64) time.Time {
		return Decide(models.Delivery{}, subscription(true), outcome(1, 500), p, noon, jitter).DueAt
	}
	require.Equal(t, noon.Add(108*time.Second), at(-1))
	require.Equal(t, noon.Add(126*time.Second), at(0.5))
}

func TestPolicyValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, DefaultPolicy().Validate())
	require.Equal(t, vendorSchedule, DefaultPolicy().Schedule)
	require.NoError(t, Policy{}.Validate(), "a single attempt is a policy")
	for name, p := range map[string]Policy{
		"zero step":       {Schedule: []time.Duration{0}},
		"negative step":   {Schedule: []time.Duration{time.Second, -1}},
		"long step":       {Schedule: []time.Duration{31 * 24 * time.Hour}},
		"many steps":      {Schedule: make([]time.Duration, 101)},
		"negative jitter": {Jitter: -0.1},
		"large jitter":    {Jitter: 1.1},
	} {
		require.Error(t, p.Validate(), name)
	}
	require.Equal(t, models.StatusFailed, Decide(models.Delivery{}, subscription(true), outcome(1, 500), Policy{}, noon, 0).Status)
}

// TestAFailedTestIsFinal makes each kind of failure, under a policy that would try it again.
func TestAFailedTestIsFinal(t *testing.T) {
	t.Parallel()
	d := models.Delivery{EventRef: models.MarkTest(models.ID{1})}
	for _, a := range []models.Attempt{outcome(1, 500), outcome(1, 503), {Number: 1, Reason: models.ReasonTimeout}} {
		for _, retries := range []bool{true, false} {
			r := Decide(d, subscription(retries), a, Policy{Schedule: vendorSchedule}, noon, 0)
			require.Equal(t, models.StatusFailed, r.Status)
			require.Equal(t, a.Reason, r.Reason)
			require.True(t, r.DueAt.IsZero())
		}
	}
	require.Equal(t, models.StatusDelivered, Decide(d, subscription(true), outcome(1, 200), Policy{Schedule: vendorSchedule}, noon, 0).Status)
	require.True(t, Decide(d, subscription(true), outcome(1, 500), Policy{}, noon, 0).Uncounted)
	d.Back = &models.Back{Status: models.StatusDelivered}
	require.Equal(t, models.StatusDelivered, Decide(d, subscription(true), outcome(2, 500), Policy{}, noon, 0).Status, "sent again, it goes back")
}

// TestUncountedAttemptsLeaveTheSchedule makes attempts that nobody counts: the next retry comes as if they had not been.
func TestUncountedAttemptsLeaveTheSchedule(t *testing.T) {
	t.Parallel()
	for uncounted := range 4 {
		d := models.Delivery{Attempts: uncounted + 1, Uncounted: uncounted}
		r := Decide(d, subscription(true), outcome(uncounted+2, 500), Policy{Schedule: vendorSchedule}, noon, 0)
		require.Equal(t, noon.Add(vendorSchedule[1]), r.DueAt)
	}
}

// TestAFailureOnDemandGoesBack asks for an attempt of a delivery in every status that allows it, and lets it fail or succeed.
func TestAFailureOnDemandGoesBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	policy := Policy{Schedule: []time.Duration{time.Minute}}
	due := now.Add(time.Hour)
	live := &models.Subscription{Enabled: true, AutoRetry: true, StoppedBelow: 3}
	held := &models.Subscription{Enabled: true, AutoRetry: true, SuspendedAt: now}
	stopped := &models.Subscription{Enabled: true, AutoRetry: true, StoppedBelow: 4}
	disabled, deleted := &models.Subscription{AutoRetry: true}, &models.Subscription{Enabled: true, DeletedAt: now}
	for name, c := range map[string]struct {
		back   models.Back
		sub    *models.Subscription
		status models.DeliveryStatus
		reason models.Reason
	}{
		"failed":            {models.Back{Status: models.StatusFailed, Reason: models.ReasonDNS}, live, models.StatusFailed, models.ReasonStatus},
		"delivered":         {models.Back{Status: models.StatusDelivered}, live, models.StatusDelivered, ""},
		"canceled":          {models.Back{Status: models.StatusCanceled, Reason: models.ReasonDisabled}, live, models.StatusCanceled, models.ReasonDisabled},
		"retrying":          {models.Back{Status: models.StatusRetrying, DueAt: due, Owed: true}, live, models.StatusRetrying, models.ReasonStatus},
		"parked":            {models.Back{Status: models.StatusParked}, held, models.StatusParked, models.ReasonStatus},
		"parked, resumed":   {models.Back{Status: models.StatusParked}, live, models.StatusPending, models.ReasonStatus},
		"retrying, deleted": {models.Back{Status: models.StatusRetrying, DueAt: due}, deleted, models.StatusCanceled, models.ReasonDeleted},
		"retrying, stopped": {models.Back{Status: models.StatusRetrying, DueAt: due}, disabled, models.StatusCanceled, models.ReasonDisabled},
		"retrying, before":  {models.Back{Status: models.StatusRetrying, DueAt: due}, stopped, models.StatusCanceled, models.ReasonDisabled},
		"failed, stopped":   {models.Back{Status: models.StatusFailed}, disabled, models.StatusFailed, models.ReasonStatus},
	} {
		d := models.Delivery{SubscriptionVersion: 3, Attempts: 2, Back: &c.back}
		a := models.Attempt{Number: 3, Reason: models.ReasonStatus, StatusCode: 503, RetryAfter: time.Hour}
		r := Decide(d, c.sub, a, policy, now, 0)
		require.Equal(t, c.status, r.Status, name)
		require.Equal(t, c.reason, r.Reason, name)
		require.True(t, r.Uncounted, name)
		if r.Status == models.StatusRetrying {
			require.Equal(t, due, r.DueAt, name)
			require.True(t, r.Owed, name)
		} else {
			require.True(t, r.DueAt.IsZero(), name)
		}
		ok := Decide(d, c.sub, models.Attempt{Number: 3, Success: true}, policy, now, 0)
		require.Equal(t, models.StatusDelivered, ok.Status, name)
		require.True(t, ok.Uncounted, name)
	}
}

// TestStoppedOnDemand stops a delivery between the call that asked for it and the attempt: what had ended is what it was.
func TestStoppedOnDemand(t *testing.T) {
	t.Parallel()
	for _, status := range models.Statuses() {
		if !status.Resendable() {
			continue
		}
		d := models.Delivery{SubscriptionVersion: 1, Attempts: 1, Back: &models.Back{Status: status, Reason: models.ReasonTLS}}
		_, stopped := d.Stopped(&models.Subscription{Enabled: true, StoppedBelow: 2})
		require.False(t, stopped, "it was asked for after it was enabled again")
		reason, stopped := d.Stopped(&models.Subscription{})
		require.True(t, stopped)
		r := canceled(d, reason)
		require.Nil(t, r.Attempt)
		if status.Terminal() {
			require.Equal(t, status, r.Status)
			require.Equal(t, models.ReasonTLS, r.Reason)
			continue
		}
		require.Equal(t, models.StatusCanceled, r.Status)
		require.Equal(t, models.ReasonDisabled, r.Reason)
	}
}

// TestReplaysLeaveFreshTrafficItsPlaces puts what is sent again into the class of retries.
func TestReplaysLeaveFreshTrafficItsPlaces(t *testing.T) {
	t.Parallel()
	require.Equal(t, fresh, classOf(&models.Delivery{}))
	require.Equal(t, retries, classOf(&models.Delivery{Replay: true}))
	require.Equal(t, retries, classOf(&models.Delivery{Attempts: 1, Back: &models.Back{Status: models.StatusFailed}}))
	require.Equal(t, retries, classOf(&models.Delivery{Back: &models.Back{Status: models.StatusCanceled}}))
}
