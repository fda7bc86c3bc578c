package routing

import (
	"slices"
	"sync/atomic"

	"hookrouter/models"
)

// tenantKey names a tenant: production and sandbox of an organization never meet.
type tenantKey struct {
	organization models.ID
	sandbox      bool
}

func tenantOf(s *models.Subscription) tenantKey { return tenantKey{s.OrganizationID, s.Sandbox} }

// tenant is all that the index knows of an organization's production or sandbox. It is immutable: a change makes a new one, which
// takes a few microseconds, and a reader sees one or the other. Only what large points to, where the tenant has outgrown this,
// changes in place; nothing else is set then.
type tenant struct {
	tenantKey
	entities   bool // some row names an entity key
	rows       []flatRow
	workspaces []models.ID // of all rows, back to back
	words      dictionary
	large      *large
}

// flatRow is half a cache line.
type flatRow struct {
	mask     mask
	sub      *models.Subscription
	entity   uint32 // beginning of the entity key's hash, not 0; 0 takes any
	from, to uint16 // its workspaces; none stand for "*"
}

// newTenant puts the rows and words of small tenants, which are most of them, beside the header: that saves two or three cache
// misses of a match. The sizes fill the allocator's size classes.
func newTenant(k tenantKey, rows int) *tenant {
	switch {
	case rows <= 4:
		t := &struct {
			tenant
			names  [4]uint32
			scopes [4]uint32
			rows   [4]flatRow
		}{}
		return t.within(k, t.rows[:0], t.names[:0], t.scopes[:0])
	case rows <= 12:
		t := &struct {
			tenant
			names  [12]uint32
			scopes [4]uint32
			rows   [12]flatRow
		}{}
		return t.within(k, t.rows[:0], t.names[:0], t.scopes[:0])
	case rows <= 24:
		t := &struct {
			tenant
			names  [12]uint32
			scopes [4]uint32
			rows   [24]flatRow
		}{}
		return t.within(k, t.rows[:0], t.names[:0], t.scopes[:0])
	}
	return (&tenant{}).within(k, make([]flatRow, 0, rows), nil, nil)
}

func (t *tenant) within(k tenantKey, rows []flatRow, names, scopes []uint32) *tenant {
	t.tenantKey, t.rows, t.words = k, rows, dictionary{names, scopes}
	return t
}

func (t *tenant) match(x *Index, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	for i := 0; i < len(t.rows); i += 2 { // wait for all cache lines at once
		atomic.LoadUint64(&t.rows[i].mask.lo)
	}
	event := t.words.ofEvent(x.tokens, e)
	var entity, parent uint32
	if t.entities {
		entity = entityTag(x.hashText(e.EntityKey))
		if e.EntityParentKey != "" {
			parent = entityTag(x.hashText(e.EntityParentKey))
		}
	}
	for i := range t.rows {
		r := &t.rows[i]
		if !r.mask.meets(event) {
			continue
		}
		if r.entity != 0 && (r.entity != entity || r.sub.EntityKey != e.EntityKey) &&
			(r.entity != parent || r.sub.EntityKey != e.EntityParentKey) {
			continue
		}
		if r.from != r.to && !slices.Contains(t.workspaces[r.from:r.to], e.WorkspaceID) {
			continue
		}
		if r.mask.unsure() && !agrees(r.sub, e) {
			continue
		}
		buf = append(buf, r.sub)
	}
	return buf
}

// replace is the tenant without was and with is, either of which may be nil; or nil when nothing is left of it. Writer only.
func (t *tenant) replace(x *Index, was, is *rules) *tenant {
	switch {
	case t.large != nil:
		if t.large.replace(x, was, is); t.large.count == 0 {
			return nil
		}
		return t
	case !t.fits(was, is, x.limits):
		return &tenant{tenantKey: t.tenantKey, large: t.grow(x, was, is)}
	case is == nil && len(t.rows) == 1:
		return nil
	}
	return t.copy(x, was, is)
}

// copy is the tenant with was replaced by is.
func (t *tenant) copy(x *Index, was, is *rules) *tenant {
	rows := len(t.rows)
	if was == nil {
		rows++
	}
	next := newTenant(t.tenantKey, rows)
	next.words.names = append(next.words.names, t.words.names...)
	next.words.scopes = append(next.words.scopes, t.words.scopes...)
	for _, r := range t.rows {
		if was == nil || r.sub != was.sub {
			next.add(r, t.workspaces[r.from:r.to])
		}
	}
	if is == nil {
		return next
	}
	r := flatRow{sub: is.sub, mask: next.words.ofRules(x.tokens, is, x.limits)}
	if r.mask.unsure() {
		// The dictionary may be full of words that nobody uses any more: start it again with those in use.
		next.words = dictionary{}
		var other rules
		for i := range next.rows {
			other.read(next.rows[i].sub)
			next.rows[i].mask = next.words.ofRules(x.tokens, &other, x.limits)
		}
		r.mask = next.words.ofRules(x.tokens, is, x.limits)
	}
	if is.sub.EntityKey != "" {
		r.entity = entityTag(x.hashText(is.sub.EntityKey))
	}
	var workspaces []models.ID
	if !is.anyWorkspace() {
		workspaces = is.workspaces
	}
	next.add(r, workspaces)
	return next
}

func (t *tenant) add(r flatRow, workspaces []models.ID) {
	r.from = uint16(len(t.workspaces)) // fits has limited their number
	t.workspaces = append(t.workspaces, workspaces...)
	r.to = uint16(len(t.workspaces))
	t.rows = append(t.rows, r)
	t.entities = t.entities || r.entity != 0
}

// fits reports whether the tenant with was replaced by is is quick enough to copy and to scan.
func (t *tenant) fits(was, is *rules, l limits) bool {
	rows, workspaces := len(t.rows), len(t.workspaces)
	if was != nil {
		rows--
		if !was.anyWorkspace() {
			workspaces -= len(was.workspaces)
		}
	}
	if is != nil {
		rows++
		if !is.anyWorkspace() {
			workspaces += len(is.workspaces)
		}
	}
	return rows <= l.flatRows && workspaces <= l.flatWorkspaces
}

// grow is the large form of a tenant with was replaced by is. Nobody reads it yet.
func (t *tenant) grow(x *Index, was, is *rules) *large {
	x.tenantCount++
	l := &large{number: x.tenantCount}
	l.words.Store(&dictionary{})
	var other rules
	for _, r := range t.rows {
		if was == nil || r.sub != was.sub {
			other.read(r.sub)
			l.replace(x, nil, &other)
		}
	}
	l.replace(x, nil, is)
	return l
}

// entityTag is the part of a hash that a flat row keeps.
func entityTag(hash uint64) uint32 { return uint32(hash>>32) | 1 }
