package delivery

import "time"

// backoff is the wait before the attempt that follows so many made ones, and false when no attempt is left. jitter in [-1, 1)
// moves it within the policy's fraction: -1 is the shortest wait, 0 the step itself.
func (p Policy) backoff(made int, jitter float64) (time.Duration, bool) {
	if made < 1 || made > len(p.Schedule) {
		return 0, false
	}
	step := p.Schedule[made-1]
	return step + time.Duration(float64(step)*p.Jitter*jitter), true
}
