package catalogue

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"hookrouter/models"
)

// Source is where the entries come from. It is implemented by *store.Store.
type Source interface {
	// CatalogueSince lists the entries of all organizations that changed after a revision, tombstones included, with a revision up to
	// which none is missing. After 0 it lists what exists.
	CatalogueSince(ctx context.Context, revision int64) (changed []models.CatalogueEntry, now int64, err error)
}

// Book holds the entries of all organizations. Its methods may be called at any time by anyone.
type Book struct {
	source Source
	pages  atomic.Pointer[map[models.ID]*page] // replaced as a whole: it is read for every event, and changes are rare

	mu       sync.Mutex // held by whoever loads
	revision int64
}

// page is what one organization has. It is never changed.
type page struct {
	types  map[string]*eventType
	scopes map[string]struct{}
}

// eventType is one version of an event type.
type eventType struct {
	revision int64
	schema   []byte
	compile  sync.Once
	compiled *Schema
	err      error
}

// NewBook makes a book that is empty until its first Refresh.
func NewBook(source Source) *Book {
	b := &Book{source: source}
	b.pages.Store(&map[models.ID]*page{})
	return b
}

// Refresh applies what has changed and returns the revision that the book is at. Everything that was committed before the call is in it.
func (b *Book) Refresh(ctx context.Context) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed, now, err := b.source.CatalogueSince(ctx, b.revision)
	if err != nil {
		return 0, fmt.Errorf("refresh catalogue: %w", err)
	}
	if len(changed) > 0 {
		b.apply(changed)
	}
	b.revision = max(b.revision, now)
	return b.revision, nil
}

func (b *Book) apply(changed []models.CatalogueEntry) {
	pages := maps.Clone(*b.pages.Load())
	fresh := map[models.ID]*page{} // that nobody else has seen yet
	for i := range changed {
		e := &changed[i]
		p := fresh[e.OrganizationID]
		if p == nil {
			p = &page{types: map[string]*eventType{}, scopes: map[string]struct{}{}}
			if old := pages[e.OrganizationID]; old != nil {
				maps.Copy(p.types, old.types)
				maps.Copy(p.scopes, old.scopes)
			}
			fresh[e.OrganizationID], pages[e.OrganizationID] = p, p
		}
		p.apply(e)
	}
	for org, p := range fresh {
		if len(p.types)+len(p.scopes) == 0 {
			delete(pages, org)
		}
	}
	b.pages.Store(&pages)
}

func (p *page) apply(e *models.CatalogueEntry) {
	switch e.Kind {
	case models.KindEventType:
		if known := p.types[e.Name]; known != nil && known.revision >= e.Revision {
			return // read again: what came after the revision of the last load
		}
		if delete(p.types, e.Name); !e.Deleted {
			p.types[e.Name] = &eventType{revision: e.Revision, schema: e.Schema}
		}
	case models.KindScope:
		if delete(p.scopes, e.Name); !e.Deleted {
			p.scopes[e.Name] = struct{}{}
		}
	}
}

func (b *Book) eventType(org models.ID, name string) *eventType {
	pages := *b.pages.Load()
	if len(pages) == 0 {
		return nil
	}
	p := pages[org]
	if p == nil {
		return nil
	}
	return p.types[name]
}

// TypeRevision is the revision of an organization's own event type, 0 where it has none of the name.
func (b *Book) TypeRevision(org models.ID, name string) int64 {
	t := b.eventType(org, name)
	if t == nil {
		return 0
	}
	return t.revision
}

// HasScope reports whether an organization has a scope of its own of the name.
func (b *Book) HasScope(org models.ID, name string) bool {
	p := (*b.pages.Load())[org]
	if p == nil {
		return false
	}
	_, ok := p.scopes[name]
	return ok
}

// Check holds the data of an event against the schema of an organization's own event type. It returns the revision of the type, 0 where
// there is none of the name, the work that it took, and what is wrong. Where the work would be more than most, nothing is checked, and
// that is what is wrong.
func (b *Book) Check(org models.ID, name string, data []byte, most int) (revision int64, work int, wrong []models.FieldError) {
	t := b.eventType(org, name)
	if t == nil {
		return 0, 0, nil
	}
	if len(t.schema) == 0 {
		return t.revision, 0, nil
	}
	t.compile.Do(func() { t.compiled, t.err = Compile(t.schema) })
	if t.err != nil {
		// Failure policy: it was compiled before it was stored, so this is another version of the program with other bounds. Its events
		// are refused, because they would else be accepted unchecked.
		return t.revision, 0, []models.FieldError{{Name: "data", Reason: "The schema of this event type can't be used: " + t.err.Error()}}
	}
	if work = t.compiled.Work(len(data)); work > most {
		return t.revision, 0, []models.FieldError{{Name: "data", Reason: "This is too much data to be checked against its schema at once. Publish less in one call, or simplify the schema."}}
	}
	return t.revision, work, t.compiled.Check("data", data)
}

// CheckSchema says what is wrong with a schema and with a sample that must satisfy it, by the names of these two.
func (*Book) CheckSchema(schema, sample []byte) []models.FieldError {
	s, err := Compile(schema)
	if err != nil {
		return []models.FieldError{{Name: "schema", Reason: err.Error()}}
	}
	if s.Work(len(sample)) > MaxWork {
		return []models.FieldError{{Name: "schema", Reason: "Checking the sample against it takes too much work. Simplify the schema."}}
	}
	return s.Check("sample", sample)
}
