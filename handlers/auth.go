package handlers

import (
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// guarded runs a route of /v3 for callers who may use it: a valid key, within its limit, with a role and an environment that the
// route is open to.
func (a *api) guarded(r route) Func {
	if r.action == models.ActionPublish {
		return func(c *gin.Context) error {
			if key := insider(c); key != nil {
				return a.inside(c, key, r)
			}
			key, err := a.publisher(c)
			if err != nil {
				return err
			}
			a.describePublishing(c, key)
			if err := permit(key, r); err != nil {
				return err
			}
			return r.handle(c, key)
		}
	}
	return func(c *gin.Context) error {
		if key := insider(c); key != nil {
			return a.inside(c, key, r)
		}
		text, err := bearer(c)
		if err != nil {
			return err
		}
		key, err := a.lookUp(c, HashKey(text))
		if err != nil {
			return err
		}
		if err := a.count(c, key); err != nil {
			return err
		}
		return a.audited(c, r.does(), actorOf(key), key.OrganizationID, func() error {
			if err := permit(key, r); err != nil {
				return err
			}
			return r.handle(c, key)
		})
	}
}

// inside runs a route for a call inside the process, whose key was checked where the call began.
func (a *api) inside(c *gin.Context, key *models.APIKey, r route) error {
	return a.audited(c, r.does(), actorOf(key), key.OrganizationID, func() error {
		if err := permit(key, r); err != nil {
			return err
		}
		return r.handle(c, key)
	})
}

// permit is the check of the role and the environment against a route.
func permit(key *models.APIKey, r route) error {
	if !key.Role.May(r.action) {
		return models.Errorf(models.CodeForbidden, "A key of the role %s may not do this.", key.Role)
	}
	if r.production && key.Environment != models.Production {
		return models.Errorf(models.CodeNotEnabled, "This is not available to sandbox keys. Use a production key.")
	}
	return nil
}

func unauthorized(c *gin.Context, message string) error {
	c.Writer.Header().Set("WWW-Authenticate", `Bearer realm="hookrouter", error="invalid_token"`)
	return models.Errorf(models.CodeUnauthorized, "%s", message)
}

const notValid = "The API key is not valid."

// bearer is the key of a call (RFC 6750), if it can be one.
func bearer(c *gin.Context) (string, error) { return presented(c, false) }

// presented is the key of a call, if it can be one: after Bearer or, where bare keys are taken, alone.
func presented(c *gin.Context, bare bool) (string, error) {
	if query := c.Request.URL.RawQuery; strings.Contains(query, prefixProduction) || strings.Contains(query, prefixSandbox) {
		// An address is written to logs along the way. Refusing such a call even with a good header makes the leak known.
		return "", unauthorized(c, "An API key stands in the address. Send it in the Authorization header only, and revoke that one.")
	}
	given := c.Request.Header["Authorization"]
	if len(given) == 0 {
		c.Writer.Header().Set("WWW-Authenticate", `Bearer realm="hookrouter"`)
		return "", models.Errorf(models.CodeUnauthorized, "An API key is missing. Send it as Authorization: Bearer KEY.")
	}
	if len(given) > 1 {
		return "", unauthorized(c, "There is more than one Authorization header.")
	}
	scheme, text, two := strings.Cut(given[0], " ")
	if bare && !two {
		scheme, text = "Bearer", scheme
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", unauthorized(c, "The Authorization header must be of the form Bearer KEY.")
	}
	if !plausibleKey(text) {
		return "", unauthorized(c, notValid)
	}
	return text, nil
}

// lookUp asks the store for a key, so that a revoked one is refused at once.
func (a *api) lookUp(c *gin.Context, hash [32]byte) (*models.APIKey, error) {
	key, err := a.Store.KeyByHash(c.Request.Context(), hash)
	if err != nil {
		if models.CodeOf(err) == models.CodeNotFound {
			return nil, unauthorized(c, notValid)
		}
		return nil, err
	}
	if !key.RevokedAt.IsZero() {
		return nil, unauthorized(c, notValid)
	}
	return &key, nil
}

// publisher is the key of a publishing call. It may come from the cache: the commit of an event refuses keys that were revoked, so
// the cache can make a refusal later but never let an event in.
func (a *api) publisher(c *gin.Context) (*models.APIKey, error) {
	text, err := bearer(c)
	if err != nil {
		return nil, err
	}
	hash, now := HashKey(text), a.Now()
	if key, ok := a.cache.get(hash, now); ok {
		return key, nil
	}
	key, err := a.lookUp(c, hash)
	if err != nil {
		return nil, err
	}
	a.cache.put(hash, key, now)
	return key, nil
}

const (
	// Failure policy: bounded, because a caller with many keys must not fill the memory; 4096 keys are about 1 MiB.
	keyCacheSize = 4096
	// Failure policy: after a minute a revoked key is told so even if it sends nothing that reaches a commit.
	keyCacheTime = time.Minute
)

// keyCache remembers valid keys by hash. What is in it is never changed.
type keyCache struct {
	mu   sync.RWMutex
	keys map[[32]byte]cachedKey
}

type cachedKey struct {
	key   *models.APIKey
	until time.Time
}

func newKeyCache() *keyCache { return &keyCache{keys: make(map[[32]byte]cachedKey)} }

func (k *keyCache) get(hash [32]byte, now time.Time) (*models.APIKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	found, ok := k.keys[hash]
	if !ok || !now.Before(found.until) {
		return nil, false
	}
	return found.key, true
}

func (k *keyCache) put(hash [32]byte, key *models.APIKey, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) >= keyCacheSize {
		clear(k.keys) // rare, and cheaper than keeping an order of use on every publish
	}
	k.keys[hash] = cachedKey{key: key, until: now.Add(keyCacheTime)}
}

func (k *keyCache) drop(hash [32]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.keys, hash)
}
