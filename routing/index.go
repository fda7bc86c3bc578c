package routing

import (
	"hash/maphash"
	"math/bits"
	"sync"

	"hookrouter/models"
)

// limits are the sizes at which the index changes the form of something. Tests make them small.
type limits struct {
	flatRows, flatWorkspaces int // of a snapshot
	bucketRows               int // of a bucket without cells
	chunk                    int // items of a chunk
	pairs                    int // cells of one subscription
	names, scopes            int // bits of a dictionary
	tombstones               int // records of deleted subscriptions
}

// defaultLimits were found by measuring with the benchmarks of this package.
func defaultLimits() limits {
	return limits{
		flatRows: 64, flatWorkspaces: 256, // copied in 2 to 4 µs
		bucketRows: 128, // scanned in about 100 ns
		chunk:      128, // 1 KiB: copied in about as long as the allocation takes
		pairs:      32,
		names:      maxNames,
		scopes:     maxScopes,
		// Failure policy: a deleted subscription stays known until so many others were deleted after it. Deliveries that are still
		// waiting then find nobody, which means the same.
		tombstones: 16384,
	}
}

// Index finds the subscriptions that an event matches. It agrees with [models.Subscription.Matches] at every moment.
//
// Any number of goroutines may match at the same time; they take no lock and allocate nothing. Changes are applied in place, one
// after the other, in microseconds. A reader sees each subscription in exactly one of its states: while an update is applied
// it finds the old or the new record where both match, never none and never two.
type Index struct {
	seed    maphash.Seed // keys are chosen by callers; nobody may choose colliding ones
	second  maphash.Seed // for the other half of a fingerprint
	limits  limits
	tokens  *tokens
	tenants table[tenantKey, tenant]
	records table[models.ID, models.Subscription]
	buckets slots // of all large tenants

	mu          sync.Mutex // the writer's; all below is guarded by it
	tenantCount uint32     // large tenants ever made
	live        int
	tombstones  []models.ID // oldest first
	was, is     rules       // scratch space, kept so that a change allocates what it publishes and no more
	places      []place
	stage       stage
}

// NewIndex makes an empty index.
func NewIndex() *Index { return newIndex(defaultLimits()) }

func newIndex(l limits) *Index {
	seed := maphash.MakeSeed()
	x := &Index{seed: seed, second: maphash.MakeSeed(), limits: l, tokens: newTokens(seed)}
	x.tenants.hash = func(t *tenant) uint64 { return x.hashTenant(t.tenantKey) }
	x.tenants.is = func(t *tenant, k tenantKey) bool { return t.tenantKey == k }
	x.records.hash = func(s *models.Subscription) uint64 { return x.hashID(s.ID) }
	x.records.is = func(s *models.Subscription, id models.ID) bool { return s.ID == id }
	return x
}

// Match appends the subscriptions that match an event to buf, each once, in no particular order. It allocates only where buf has
// no room.
func (x *Index) Match(e *models.Event, buf []*models.Subscription) []*models.Subscription {
	k := tenantKey{e.OrganizationID, e.Sandbox}
	t := x.tenants.get(x.hashTenant(k), k)
	if t == nil {
		return buf
	}
	if t.large != nil {
		return t.large.match(x, e, buf)
	}
	return t.match(x, e, buf)
}

// Subscription is the newest record of a subscription, also of one that is disabled, and of one that was deleted unless that is
// many deletions ago.
func (x *Index) Subscription(id models.ID) (*models.Subscription, bool) {
	s := x.records.get(x.hashID(id), id)
	return s, s != nil
}

// Len is how many subscriptions exist, disabled ones included.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.live
}

// Apply makes s the newest record of its subscription, which may be new, changed, disabled or deleted. The record and all that it
// points to must not change any more.
func (x *Index) Apply(s *models.Subscription) {
	x.mu.Lock()
	defer x.mu.Unlock()
	hash := x.hashID(s.ID)
	old, cell := x.records.find(hash, s.ID)

	var was, is *rules
	if old != nil && x.was.read(old) {
		was = &x.was
	}
	if x.is.read(s) {
		is = &x.is
	}
	switch {
	case was == nil && is == nil:
	case was != nil && is != nil && tenantOf(old) == tenantOf(s):
		x.replace(tenantOf(s), was, is)
	default:
		if was != nil {
			x.replace(tenantOf(old), was, nil)
		}
		if is != nil {
			x.replace(tenantOf(s), nil, is)
		}
	}

	if old == nil {
		x.records.insert(hash, s)
	} else {
		cell.Store(s)
	}
	x.count(old, s)
}

// count keeps the number of live records, and forgets the oldest tombstone when there are too many.
func (x *Index) count(old, s *models.Subscription) {
	before, after := old != nil && old.DeletedAt.IsZero(), s.DeletedAt.IsZero()
	switch {
	case after && !before:
		x.live++
	case before && !after:
		x.live--
	}
	if after || old != nil && !before {
		return
	}
	x.tombstones = append(x.tombstones, s.ID)
	if len(x.tombstones) <= x.limits.tombstones {
		return
	}
	oldest := x.tombstones[0]
	x.tombstones = x.tombstones[1:]
	if dead, known := x.Subscription(oldest); known && !dead.DeletedAt.IsZero() {
		x.records.remove(x.hashID(oldest), oldest)
	}
}

// replace takes was out of a tenant and puts is in, as one change to any reader. Either may be nil.
func (x *Index) replace(k tenantKey, was, is *rules) {
	hash := x.hashTenant(k)
	t, cell := x.tenants.find(hash, k)
	if t == nil {
		x.tenants.insert(hash, (&tenant{tenantKey: k}).replace(x, was, is))
		return
	}
	switch next := t.replace(x, was, is); next {
	case t:
	case nil:
		x.tenants.remove(hash, k)
	default:
		cell.Store(next)
	}
}

func (x *Index) hashID(id models.ID) uint64 { return maphash.Bytes(x.seed, id[:]) }

func (x *Index) hashText(s string) uint64 { return maphash.String(x.seed, s) }

func (x *Index) hashTenant(k tenantKey) uint64 {
	if k.sandbox {
		return ^x.hashID(k.organization)
	}
	return x.hashID(k.organization)
}

func (x *Index) printOf(k bucketKey) fingerprint {
	return printOf(k.tenant, x.printWorkspace(k.workspace), x.printEntity(k.entity))
}

// printWorkspace is the part of a fingerprint that stands for a workspace, or for none.
func (x *Index) printWorkspace(id models.ID) fingerprint {
	if id.IsZero() {
		return fingerprint{}
	}
	return fingerprint{maphash.Bytes(x.seed, id[:]), maphash.Bytes(x.second, id[:])}
}

// printEntity is the part of a fingerprint that stands for an entity key, or for none.
func (x *Index) printEntity(key string) fingerprint {
	if key == "" {
		return fingerprint{}
	}
	return fingerprint{maphash.String(x.seed, key), maphash.String(x.second, key)}
}

// printOf is the fingerprint of a bucket's key.
func printOf(tenant uint32, workspace, entity fingerprint) fingerprint {
	return fingerprint{
		mix(workspace[0], mix(entity[0], uint64(tenant))),
		mix(workspace[1], mix(entity[1], uint64(tenant))),
	}
}

// mix makes one hash of two. The constants are the first digits of e and pi; they keep a zero from wiping out the other half.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xb7e151628aed2a6b, b^0x3243f6a8885a308d)
	return hi ^ lo
}
