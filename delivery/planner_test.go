package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

func planner(t require.TestingT, policy Policy) *Planner {
	p, err := NewPlanner(Planner{Policy: policy, TimeoutFirst: time.Second, TimeoutRetry: 10 * time.Second})
	require.NoError(t, err)
	return p
}

func TestRetryPlans(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	steps := DefaultPolicy().Schedule
	for name, c := range map[string]struct {
		sub    models.Subscription
		outage models.Outage
		want   []time.Duration // after the start
		status models.DeliveryStatus
		reason models.Reason
	}{
		"no outage": {
			sub:    models.Subscription{AutoRetry: true},
			outage: models.Outage{End: start}, want: []time.Duration{0}, status: models.StatusDelivered,
		},
		"six hours of errors": {
			sub:    models.Subscription{AutoRetry: true},
			outage: models.Outage{End: start.Add(6 * time.Hour), Reason: models.ReasonStatus},
			want: []time.Duration{
				0, 2 * time.Minute, 8 * time.Minute, 38 * time.Minute, 98 * time.Minute, 398 * time.Minute,
			},
			status: models.StatusDelivered,
		},
		"the outage ends in the moment of an attempt": {
			sub:    models.Subscription{AutoRetry: true},
			outage: models.Outage{End: start.Add(8 * time.Minute), Reason: models.ReasonConnect},
			want:   []time.Duration{0, 2 * time.Minute, 8 * time.Minute}, status: models.StatusDelivered,
		},
		"timeouts delay what follows, by the subscription's or the operator's time": {
			sub:    models.Subscription{AutoRetry: true, TimeoutFirst: 3 * time.Second},
			outage: models.Outage{End: start.Add(10 * time.Minute), Reason: models.ReasonTimeout},
			want:   []time.Duration{0, 2*time.Minute + 3*time.Second, 8*time.Minute + 13*time.Second, 38*time.Minute + 23*time.Second},
			status: models.StatusDelivered,
		},
		"longer than the schedule": {
			sub:    models.Subscription{AutoRetry: true},
			outage: models.Outage{End: start.AddDate(0, 0, 60), Reason: models.ReasonDNS},
			want: []time.Duration{
				0, 2 * time.Minute, 8 * time.Minute, 38 * time.Minute, 98 * time.Minute, 398 * time.Minute,
				398*time.Minute + steps[5], 398*time.Minute + steps[5] + steps[6], 398*time.Minute + steps[5] + steps[6] + steps[7],
			},
			status: models.StatusFailed, reason: models.ReasonDNS,
		},
		"an outage without end": {
			sub:    models.Subscription{AutoRetry: true},
			outage: models.Outage{Reason: models.ReasonStatus, RetryAfter: 48 * time.Hour},
			want: []time.Duration{
				0, MaxPostpone, 2 * MaxPostpone, 3 * MaxPostpone, 4 * MaxPostpone, 5 * MaxPostpone, 6 * MaxPostpone, 7 * MaxPostpone,
				7*MaxPostpone + steps[7],
			},
			status: models.StatusFailed, reason: models.ReasonStatus,
		},
		"Retry-After": {
			sub:    models.Subscription{AutoRetry: true},
			outage: models.Outage{End: start.Add(time.Hour), Reason: models.ReasonStatus, RetryAfter: 20 * time.Minute},
			want:   []time.Duration{0, 20 * time.Minute, 40 * time.Minute, 70 * time.Minute}, status: models.StatusDelivered,
		},
		"one attempt without auto_retry": {
			outage: models.Outage{End: start.Add(time.Hour), Reason: models.ReasonStatus},
			want:   []time.Duration{0}, status: models.StatusFailed, reason: models.ReasonStatus,
		},
		"one retry without auto_retry after a timeout": {
			outage: models.Outage{End: start.Add(time.Hour), Reason: models.ReasonTimeout},
			want:   []time.Duration{0, 2*time.Minute + time.Second}, status: models.StatusFailed, reason: models.ReasonTimeout,
		},
		"which arrives where the outage is over": {
			outage: models.Outage{End: start.Add(time.Minute), Reason: models.ReasonTimeout},
			want:   []time.Duration{0, 2*time.Minute + time.Second}, status: models.StatusDelivered,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.sub.Enabled, c.outage.Start = true, start
			policy := DefaultPolicy()
			policy.Jitter = 0
			plan := planner(t, policy).RetryPlan(&c.sub, c.outage)
			require.Equal(t, c.status, plan.Status)
			require.Equal(t, c.reason, plan.Reason)
			require.Len(t, plan.Attempts, len(c.want))
			for i, a := range plan.Attempts {
				require.Equal(t, i+1, a.Number)
				require.Equal(t, c.want[i], a.At.Sub(start), "attempt %d", i+1)
				require.Equal(t, a.At, a.Earliest)
				require.Equal(t, a.At, a.Latest)
				require.Equal(t, !c.outage.End.IsZero() && !a.At.Before(c.outage.End), a.Succeeds)
				require.True(t, a.Certain, "nothing is left to chance without jitter")
			}
		})
	}
}

func TestARetryPlanOfAStoppedSubscription(t *testing.T) {
	t.Parallel()
	p := planner(t, DefaultPolicy())
	plan := p.RetryPlan(&models.Subscription{AutoRetry: true}, models.Outage{})
	require.Empty(t, plan.Attempts)
	require.Equal(t, models.StatusCanceled, plan.Status)
	require.Equal(t, models.ReasonDisabled, plan.Reason)
	_, err := NewPlanner(Planner{Policy: DefaultPolicy(), TimeoutFirst: time.Second})
	require.Error(t, err)
	_, err = NewPlanner(Planner{Policy: Policy{Jitter: 2}, TimeoutFirst: 1, TimeoutRetry: 1})
	require.Error(t, err)
}

// TestRetryPlansHoldWithAnyJitter plays deliveries with random jitter and holds each attempt against the plan.
func TestRetryPlansHoldWithAnyJitter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		policy := Policy{Jitter: rapid.Float64Range(0, 1).Draw(rt, "jitter")}
		for range rapid.IntRange(0, 8).Draw(rt, "steps") {
			policy.Schedule = append(policy.Schedule, time.Duration(rapid.IntRange(1, 600).Draw(rt, "step"))*time.Second)
		}
		p := planner(rt, policy)
		s := &models.Subscription{Enabled: true, AutoRetry: rapid.Bool().Draw(rt, "auto_retry")}
		start := time.Unix(1_800_000_000, 0)
		o := models.Outage{
			Start: start, End: start.Add(time.Duration(rapid.IntRange(0, 3000).Draw(rt, "outage")) * time.Second),
			Reason:     rapid.SampledFrom([]models.Reason{models.ReasonStatus, models.ReasonTimeout}).Draw(rt, "reason"),
			RetryAfter: time.Duration(rapid.IntRange(0, 300).Draw(rt, "retry after")) * time.Second,
		}
		plan := p.RetryPlan(s, o)
		made := newCourse(p, s, o, 0)
		n := 0
		for ; !made.ended; n++ {
			require.Less(rt, n, len(plan.Attempts), "an attempt that is not planned")
			made.jitter = rapid.Float64Range(-1, 0.999).Draw(rt, "dice")
			a, at := plan.Attempts[n], made.at
			require.False(rt, at.Before(a.Earliest), "attempt %d at %s, earliest %s", n+1, at, a.Earliest)
			require.False(rt, at.After(a.Latest), "attempt %d at %s, latest %s", n+1, at, a.Latest)
			if fails := made.attempt(); a.Certain {
				require.Equal(rt, a.Succeeds, !fails)
			}
		}
		for _, a := range plan.Attempts[n:] {
			require.False(rt, a.Certain, "attempt %d was certain and did not come", a.Number)
		}
	})
}
