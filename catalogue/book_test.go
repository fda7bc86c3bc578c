package catalogue_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/catalogue"
	"hookrouter/models"
)

// shelf is a source in memory.
type shelf struct {
	entries []models.CatalogueEntry
	now     int64
	err     error
	asked   []int64
}

func (s *shelf) CatalogueSince(_ context.Context, revision int64) ([]models.CatalogueEntry, int64, error) {
	s.asked = append(s.asked, revision)
	var out []models.CatalogueEntry
	for _, e := range s.entries {
		if e.Revision > revision && (revision > 0 || !e.Deleted) {
			out = append(out, e)
		}
	}
	return out, s.now, s.err
}

// put adds an entry or replaces it.
func (s *shelf) put(e models.CatalogueEntry) {
	s.now++
	e.Revision = s.now
	for i := range s.entries {
		if old := &s.entries[i]; old.OrganizationID == e.OrganizationID && old.Kind == e.Kind && old.Name == e.Name {
			*old = e
			return
		}
	}
	s.entries = append(s.entries, e)
}

func TestTheBookFollowsItsSource(t *testing.T) {
	t.Parallel()
	ours, theirs := models.ID{1}, models.ID{2}
	s := &shelf{now: 7}
	b := catalogue.NewBook(s)
	refresh := func(want int64) {
		t.Helper()
		at, err := b.Refresh(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, at)
	}
	refresh(7)
	require.Zero(t, b.TypeRevision(ours, "invoice.paid"))
	entry := models.CatalogueEntry{OrganizationID: ours, Kind: models.KindEventType, Name: "invoice.paid", Schema: []byte(`{"required":["total"]}`)}
	s.put(entry)
	s.put(models.CatalogueEntry{OrganizationID: ours, Kind: models.KindScope, Name: "letter"})
	require.Zero(t, b.TypeRevision(ours, "invoice.paid"), "not before it is refreshed")
	refresh(9)
	require.EqualValues(t, 8, b.TypeRevision(ours, "invoice.paid"))
	require.Zero(t, b.TypeRevision(theirs, "invoice.paid"))
	require.True(t, b.HasScope(ours, "letter"))
	require.False(t, b.HasScope(theirs, "letter"))

	check := func(data string, most int) (int64, []models.FieldError) {
		revision, _, wrong := b.Check(ours, "invoice.paid", []byte(data), most)
		return revision, wrong
	}
	revision, wrong := check(`{"total":1}`, catalogue.MaxWork)
	require.EqualValues(t, 8, revision)
	require.Nil(t, wrong)
	_, wrong = check(`{}`, catalogue.MaxWork)
	require.Equal(t, "data", wrong[0].Name)
	_, wrong = check(`{"total":1}`, 3)
	require.Contains(t, wrong[0].Reason, "too much")
	_, work, _ := b.Check(ours, "invoice.paid", []byte(`{"total":1}`), catalogue.MaxWork)
	require.Positive(t, work)
	revision, work, wrong = b.Check(theirs, "invoice.paid", nil, 0)
	require.Zero(t, revision)
	require.Zero(t, work)
	require.Nil(t, wrong)

	entry.Schema = nil
	s.put(entry)
	refresh(10)
	revision, wrong = check(`{}`, 0)
	require.EqualValues(t, 10, revision)
	require.Nil(t, wrong, "without a schema there is nothing to do")
	entry.Schema = []byte(`{"$ref":"elsewhere"}`)
	s.put(entry)
	refresh(11)
	_, wrong = check(`{}`, catalogue.MaxWork)
	require.Contains(t, wrong[0].Reason, "can't be used", "an event is not accepted unchecked")

	entry.Deleted = true
	s.put(entry)
	s.put(models.CatalogueEntry{OrganizationID: ours, Kind: models.KindScope, Name: "letter", Deleted: true})
	refresh(13)
	require.Zero(t, b.TypeRevision(ours, "invoice.paid"))
	require.False(t, b.HasScope(ours, "letter"))
	require.Equal(t, []int64{0, 7, 9, 10, 11}, s.asked)

	s.err = errors.New("away")
	_, err := b.Refresh(t.Context())
	require.ErrorIs(t, err, s.err)
}

// TestWhatIsReadAgainChangesNothing covers a change that comes between the reading of the revision and that of the entries.
func TestWhatIsReadAgainChangesNothing(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	b := catalogue.NewBook(s)
	s.put(models.CatalogueEntry{OrganizationID: models.ID{1}, Kind: models.KindEventType, Name: "a"})
	s.now = 0
	at, err := b.Refresh(t.Context())
	require.NoError(t, err)
	require.Zero(t, at, "only what was read first is sure to be complete")
	require.EqualValues(t, 1, b.TypeRevision(models.ID{1}, "a"))
	s.now = 1
	at, err = b.Refresh(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, at)
	require.EqualValues(t, 1, b.TypeRevision(models.ID{1}, "a"))
}

func TestCheckSchemaNamesTheField(t *testing.T) {
	t.Parallel()
	b := catalogue.NewBook(&shelf{})
	require.Nil(t, b.CheckSchema([]byte(`{"required":["a"]}`), []byte(`{"a":1}`)))
	require.Equal(t, "sample", b.CheckSchema([]byte(`{"required":["a"]}`), []byte(`{}`))[0].Name)
	require.Equal(t, "schema", b.CheckSchema([]byte(`{"type":7}`), []byte(`{}`))[0].Name)
}

// BenchmarkCheck compares an event of a built-in type, which pays one look-up, with one that has a schema.
func BenchmarkCheck(b *testing.B) {
	s := &shelf{}
	for i := range 1000 {
		s.put(models.CatalogueEntry{
			OrganizationID: models.ID{byte(i), byte(i >> 8), 1}, Kind: models.KindEventType, Name: "invoice.paid",
			Schema: []byte(`{"type":"object","required":["total"],"properties":{"total":{"type":"number"}}}`),
		})
	}
	book := catalogue.NewBook(s)
	_, err := book.Refresh(b.Context())
	require.NoError(b, err)
	b.Run("built in", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			book.TypeRevision(models.ID{1, 0, 1}, "signer.done")
		}
	})
	b.Run("schema", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			book.Check(models.ID{1, 0, 1}, "invoice.paid", []byte(`{"total":12.5,"customer":"x"}`), catalogue.MaxWork)
		}
	})
}
