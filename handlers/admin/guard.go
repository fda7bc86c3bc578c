package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"hash/maphash"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

const (
	// Failure policy: an address that sent this many wrong tokens within a minute gets no more tries answered until the minute is
	// over. The right token always passes, because behind a proxy all callers have one address, and nobody may lock the operator
	// out by guessing. The token has to be long anyway; this tells a broken script to slow down.
	maxFailures   = 10
	failureWindow = 60 // seconds
	// Addresses share this many counters, so that an attacker with many addresses can't fill the memory.
	failureSlots = 256
)

// guard knows the token's hash and who failed lately.
type guard struct {
	want [sha256.Size]byte
	seed maphash.Seed

	mu    *sync.Mutex
	slots *[failureSlots]failures
}

// failures counts the failed calls of the addresses of one slot within one window.
type failures struct {
	window int64
	count  int
}

func newGuard(token models.Secret) guard {
	return guard{want: sha256.Sum256([]byte(token.Reveal())), seed: maphash.MakeSeed(), mu: new(sync.Mutex), slots: new([failureSlots]failures)}
}

// authorize lets calls with the token through.
func (a *admin) authorize(c *gin.Context) error {
	if handlers.IsOperator(c.Request.Context()) || a.guard.holds(c.Request.Header["Authorization"]) {
		return nil
	}
	slot := a.guard.slot(c.Request.RemoteAddr)
	now := a.Now()
	if wait := a.guard.wait(slot, now); wait > 0 {
		c.Writer.Header().Set("Retry-After", strconv.Itoa(wait))
		return models.Errorf(models.CodeRateLimited, "Too many calls with a wrong token. Try again in %d seconds.", wait)
	}
	a.guard.failed(slot, now)
	c.Writer.Header().Set("WWW-Authenticate", `Bearer realm="hookrouter admin"`)
	return models.Errorf(models.CodeUnauthorized, "The admin token is missing or wrong. Send it as Authorization: Bearer TOKEN.")
}

// holds compares hashes, which are of one length, in constant time.
func (g *guard) holds(given []string) bool {
	if len(given) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	got := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(got[:], g.want[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// slot is the counter of a peer. It goes by the address of the connection: forwarding headers can be made up.
func (g *guard) slot(remote string) int {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	return int(maphash.String(g.seed, host) % failureSlots)
}

// wait is for how many seconds a slot is shut to wrong tokens, 0 if it is not.
func (g *guard) wait(slot int, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := g.slots[slot]
	if f.window != now.Unix()/failureWindow || f.count < maxFailures {
		return 0
	}
	return int(failureWindow - now.Unix()%failureWindow)
}

func (g *guard) failed(slot int, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f := &g.slots[slot]
	if window := now.Unix() / failureWindow; f.window != window {
		*f = failures{window: window}
	}
	f.count++
}
