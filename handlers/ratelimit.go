package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// The names of the rate-limit headers in the form that net/http keeps them in. The vendor's description has them on every answer.
const (
	headerLimit           = "Ratelimit-Limit"
	headerRemaining       = "Ratelimit-Remaining"
	headerReset           = "Ratelimit-Reset"
	headerLimitMinute     = "X-Ratelimit-Limit-Minute"
	headerLimitHour       = "X-Ratelimit-Limit-Hour"
	headerRemainingMinute = "X-Ratelimit-Remaining-Minute"
	headerRemainingHour   = "X-Ratelimit-Remaining-Hour"
)

// usage is how many management calls a key has made in the present minute and hour, this one included. A count above the limit
// belongs to a call that is refused.
type usage [2]int

// window is one fixed window of a limit.
type window struct {
	limit           int // 0: off
	seconds         int64
	headerLimit     string
	headerRemaining string
	text            []string // the limit as a header value, shared by all answers
}

func (w window) left(used int) int { return max(w.limit-used, 0) }

// reset is how many seconds are left of the window that now lies in.
func (w window) reset(now time.Time) int { return int(w.seconds - now.Unix()%w.seconds) }

// limiter knows the limits of both kinds of keys. The counts are in the store, because the limit holds over all instances.
type limiter struct {
	production, sandbox [2]window
	seen                *sightings
}

func newLimiter(l Limit) limiter {
	windows := func(minute, hour int) [2]window {
		return [2]window{
			{minute, 60, headerLimitMinute, headerRemainingMinute, []string{strconv.Itoa(minute)}},
			{hour, 3600, headerLimitHour, headerRemainingHour, []string{strconv.Itoa(hour)}},
		}
	}
	part := func(limit, by int) int {
		if limit == 0 {
			return 0
		}
		return max(limit/by, 1) // dividing must not switch a limit off
	}
	return limiter{production: windows(l.Minute, l.Hour), sandbox: windows(part(l.Minute, 2), part(l.Hour, 6)), seen: newSightings()}
}

// off reports that nothing is counted. Limits that are set hold for both kinds of keys.
func (l *limiter) off() bool { return l.production[0].limit == 0 && l.production[1].limit == 0 }

func (l *limiter) of(env models.Environment) *[2]window {
	if env == models.Sandbox {
		return &l.sandbox
	}
	return &l.production
}

// describe sets the rate-limit headers. Those without a window tell the one with the fewest calls left. An answer to a call
// without a valid key shows the limit with nothing used; a window that is off has no headers, since any number would be read as a
// limit.
func (l *limiter) describe(h http.Header, env models.Environment, used usage, now time.Time) {
	var nearest *window
	fewest := 0
	windows := l.of(env)
	for i, count := range used {
		w := &windows[i]
		if w.limit == 0 {
			continue
		}
		left := w.left(count)
		h[w.headerLimit] = w.text
		h[w.headerRemaining] = w.remaining(left)
		if nearest == nil || left < fewest {
			nearest, fewest = w, left
		}
	}
	if nearest != nil {
		h[headerLimit] = nearest.text
		h[headerRemaining] = nearest.remaining(fewest)
		h[headerReset] = []string{strconv.Itoa(nearest.reset(now))}
	}
}

func (w *window) remaining(left int) []string {
	if left == w.limit {
		return w.text
	}
	return []string{strconv.Itoa(left)}
}

// count counts a management call and refuses it when a window is full. Failure policy: where the count can't be kept the call
// fails, because the same database would have to serve it anyway.
func (a *api) count(c *gin.Context, key *models.APIKey) error {
	if a.limiter.off() {
		return nil
	}
	windows := a.limiter.of(key.Environment)
	now := a.Now()
	minute, hour, err := a.Store.Hit(c.Request.Context(), key.ID, windows[0].limit, windows[1].limit, now)
	if err != nil {
		return err
	}
	used := usage{minute, hour}
	a.limiter.seen.put(key.ID, used, now)
	a.limiter.describe(c.Writer.Header(), key.Environment, used, now)
	wait := 0
	for i, n := range used {
		if w := &windows[i]; w.limit > 0 && n > w.limit {
			wait = w.reset(now) // the hour comes last and outlasts the minute
		}
	}
	if wait == 0 {
		return nil
	}
	return tooMany(c, wait)
}

// countStray counts a call that no route takes, where it comes with a valid key. Without one the answer stays what it is, because
// nothing at that address needs a key.
func (a *api) countStray(c *gin.Context) error {
	if a.limiter.off() || !ofV3(c.Request.URL.Path) {
		return nil
	}
	text, err := bearer(c)
	var key *models.APIKey
	if err == nil {
		key, err = a.lookUp(c, HashKey(text))
	}
	if models.CodeOf(err) == models.CodeUnauthorized {
		c.Writer.Header().Del("WWW-Authenticate")
		return nil
	}
	if err != nil {
		return err
	}
	return a.count(c, key)
}

// describePublishing sets the headers of a call that publishes. It is not counted, and asking the database how far the key's windows
// are would cost each event a query, so they show what this instance saw last.
func (a *api) describePublishing(c *gin.Context, key *models.APIKey) {
	if a.limiter.off() {
		return
	}
	now := a.Now()
	used := a.limiter.seen.get(key.ID, now)
	if key.Environment == models.Production && used == (usage{}) {
		return // told already
	}
	a.limiter.describe(c.Writer.Header(), key.Environment, used, now)
}

// tooMany is the error of a caller who has to wait.
func tooMany(c *gin.Context, wait int) error {
	c.Writer.Header().Set("Retry-After", strconv.Itoa(wait))
	return models.Errorf(models.CodeRateLimited, "Too many calls. Try again in %d seconds.", wait)
}
