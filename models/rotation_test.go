package models

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRotationTimeline(t *testing.T) {
	t.Parallel()
	old, next := NewSecret("old"), NewSecret("next")
	start := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	const overlap = time.Hour
	waiting := Signing{Current: old, Generation: 3, Next: next}
	phasing := Signing{Current: next, Generation: 4, Previous: old}
	alone := Signing{Current: next, Generation: 4}
	for name, c := range map[string]struct {
		activate time.Duration // 0: nobody does
		want     map[time.Duration]Signing
	}{
		"left to time": {0, map[time.Duration]Signing{
			0: waiting, overlap - 1: waiting, overlap: phasing, 2*overlap - 1: phasing, 2 * overlap: alone,
		}},
		"activated by call": {time.Minute, map[time.Duration]Signing{
			time.Minute: phasing, time.Minute + overlap - 1: phasing, time.Minute + overlap: alone,
		}},
	} {
		s := &Subscription{Secret: old, SecretGeneration: 3}
		require.NoError(t, s.Rotate(next, overlap, start), name)
		if c.activate > 0 {
			require.NoError(t, s.Activate(start.Add(c.activate)), name)
		}
		for at, want := range c.want {
			require.Equal(t, want, s.Signing(start.Add(at)), "%s after %s", name, at)
			settled := *s
			over := settled.Settle(start.Add(at))
			require.Equal(t, want == alone, over, "%s after %s", name, at)
			require.Equal(t, want, settled.Signing(start.Add(at)), "to settle changes nothing that signs")
			require.Equal(t, over, settled.Rotation.IsZero())
		}
	}
}

func TestRotationConflicts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	s := &Subscription{Secret: NewSecret("a")}
	require.Equal(t, CodeConflict, CodeOf(s.Activate(now)), "nothing waits")
	require.NoError(t, s.Rotate(NewSecret("b"), time.Hour, now))
	require.NoError(t, s.Rotate(NewSecret("c"), time.Hour, now), "what waits can be replaced")
	require.Equal(t, Signing{Current: NewSecret("a"), Next: NewSecret("c")}, s.Signing(now))
	require.NoError(t, s.Activate(now))
	require.Equal(t, CodeConflict, CodeOf(s.Rotate(NewSecret("d"), time.Hour, now)), "a previous one is in use")
	require.Equal(t, Signing{Current: NewSecret("c"), Generation: 2, Previous: NewSecret("a")}, s.Signing(now), "and goes on")
	require.NoError(t, s.Rotate(NewSecret("e"), 0, now))
	require.Equal(t, Signing{Current: NewSecret("e"), Generation: 3}, s.Signing(now))
}

func TestARotationIsTakenBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	s := &Subscription{Version: 1, Secret: NewSecret("a")}
	refuses := func(says string, err error) {
		t.Helper()
		require.Equal(t, CodeConflict, CodeOf(err))
		require.ErrorContains(t, err, says)
	}
	refuses("no rotation to cancel", s.CancelRotation(now))
	refuses("no previous secret", s.FinishRotation(now))

	require.NoError(t, s.Rotate(NewSecret("b"), time.Hour, now))
	refuses("activate_secret", s.FinishRotation(now))
	require.NoError(t, s.CancelRotation(now))
	require.Equal(t, Signing{Current: NewSecret("a")}, s.Signing(now))
	require.True(t, s.Rotation.IsZero())
	require.Equal(t, Signing{Current: NewSecret("a")}, s.Signing(now.Add(3*time.Hour)), "nothing comes back by time")
	refuses("no rotation to cancel", s.CancelRotation(now))

	require.NoError(t, s.Rotate(NewSecret("c"), time.Hour, now))
	require.Equal(t, 2, s.Rotation.Generation, "the number of what was taken back is not given again")
	late := now.Add(time.Hour)
	refuses("finish_rotation", s.CancelRotation(late))
	require.Equal(t, Signing{Current: NewSecret("c"), Generation: 2, Previous: NewSecret("a")}, s.Signing(late), "a refusal changes nothing")
	require.NoError(t, s.FinishRotation(late))
	require.Equal(t, Signing{Current: NewSecret("c"), Generation: 2}, s.Signing(late))
	require.Equal(t, NewSecret("c"), s.Secret, "the old one is gone")
	require.Zero(t, s.Rotation)
	require.NoError(t, s.Rotate(NewSecret("d"), time.Hour, late), "the next rotation need not wait")

	bare := &Subscription{Version: 1}
	require.NoError(t, bare.Rotate(NewSecret("a"), time.Hour, now))
	require.NoError(t, bare.CancelRotation(now))
	bare.Begin(NewSecret("b"))
	require.Equal(t, Signing{Current: NewSecret("b"), Generation: 2}, bare.Signing(now))
}

// Whatever is done in whatever order, a receiver that follows the answers is never without a secret: the one that signs was current, next
// or previous before, and a generation never stands for two secrets.
func TestRotationsKeepTheirWord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
		s := &Subscription{Secret: NewSecret("0")}
		byGeneration := map[int]Secret{0: s.Secret}
		called := func(generation int, secret Secret) {
			if known, ok := byGeneration[generation]; ok {
				require.Equal(t, known, secret)
			}
			byGeneration[generation] = secret
		}
		made := 0
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			before := s.Signing(now)
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "pause")))
			after := s.Signing(now)
			if after.Current != before.Current {
				require.Equal(t, before.Next, after.Current, "only what was announced becomes current by itself")
			}
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				made++
				next := NewSecret(string(rune('a' + made)))
				overlap := rapid.SampledFrom([]time.Duration{0, time.Minute, time.Hour}).Draw(t, "overlap")
				err := s.Rotate(next, overlap, now)
				switch {
				case err != nil:
					require.Equal(t, after, s.Signing(now), "a refused rotation changes nothing")
				case overlap == 0:
					require.Equal(t, next, s.Signing(now).Current)
				default:
					require.Equal(t, after.Current, s.Signing(now).Current)
					require.Equal(t, next, s.Signing(now).Next)
				}
			case 1:
				if err := s.Activate(now); err == nil {
					require.Equal(t, after.Next, s.Signing(now).Current)
					require.Equal(t, after.Current, s.Signing(now).Previous)
				} else {
					require.True(t, after.Next.IsZero())
				}
			case 2:
				s.Settle(now)
				require.Equal(t, after, s.Signing(now))
			case 3:
				if err := s.CancelRotation(now); err == nil {
					require.False(t, after.Next.IsZero())
					after.Next = Secret{}
				}
				require.Equal(t, after, s.Signing(now))
			case 4:
				if err := s.FinishRotation(now); err == nil {
					require.False(t, after.Previous.IsZero())
					after.Previous = Secret{}
				}
				require.Equal(t, after, s.Signing(now))
			}
			got := s.Signing(now)
			require.False(t, got.Current.IsZero())
			require.True(t, got.Next.IsZero() || got.Previous.IsZero(), "never three")
			called(got.Generation, got.Current)
			if !got.Next.IsZero() {
				called(s.Rotation.Generation, got.Next)
			}
		}
	})
}
