package sandbox_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/sandbox"
)

var begin = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

// newID makes ids that count.
func newID() func() models.ID {
	n := byte(0)
	return func() models.ID { n++; return models.ID{0: 1, 12: n, 15: n} }
}

func newBox() *sandbox.Box {
	return sandbox.New(newID(), func() time.Time { return begin })
}

func object(t *testing.T, data []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	require.NoError(t, json.Unmarshal(data, &out))
	return out
}

func TestEveryBuiltInEventHasASample(t *testing.T) {
	t.Parallel()
	box := newBox()
	for _, kind := range models.BuiltinCatalogue().Types() {
		data, err := box.SampleOf(t.Context(), models.ID{}, kind.Name)
		require.NoError(t, err, kind.Name)
		require.NotEmpty(t, object(t, data), kind.Name)
		again, err := box.SampleOf(t.Context(), models.ID{}, kind.Name)
		require.NoError(t, err)
		require.NotEqual(t, string(data), string(again), "ids of its own: %s", kind.Name)
	}
	_, err := box.SampleOf(t.Context(), models.ID{}, "no.such")
	require.Equal(t, models.CodeNotFound, models.CodeOf(err))
}

func TestSamplesSayWhatTheirNamesSay(t *testing.T) {
	t.Parallel()
	box := newBox()
	for name, want := range map[string][]string{
		"signature_request.done":     {"signature_request", "status", "done"},
		"signature_request.declined": {"signature_request", "status", "declined"},
		"signer.done":                {"signer", "status", "signed"},
		"signer.error":               {"signer", "status", "error"},
		"approver.rejected":          {"approver", "status", "rejected"},
		"contact.created":            {"contact", "email", "ada.noor@example.test"},
		"verification.company.done":  {"verification", "type", "company"},
		"signatory_updated":          {"signatory", "status", "signed"},
	} {
		data, err := box.SampleOf(t.Context(), models.ID{}, name)
		require.NoError(t, err)
		require.Equal(t, want[2], object(t, data)[want[0]].(map[string]any)[want[1]], name)
	}
	data, err := box.SampleOf(t.Context(), models.ID{}, "document.completed")
	require.NoError(t, err)
	require.Equal(t, object(t, data)["recipients"], object(t, data)["Recipient"])
}

// TestScenariosHoldTogether plays each of them: known events, in the order of their times, all about the same thing.
func TestScenariosHoldTogether(t *testing.T) {
	t.Parallel()
	box := newBox()
	ids, known := newID(), models.BuiltinCatalogue()
	subject := func(e *models.Event) any {
		data := object(t, e.Data)
		if request, ok := data["signature_request"].(map[string]any); ok {
			return request["id"]
		}
		if id, ok := data["id"]; ok {
			return id
		}
		return data["entity_key"]
	}
	seen := map[any]bool{}
	require.Len(t, box.Scenarios(), 6)
	for _, sc := range box.Scenarios() {
		events, ok := box.Play(sc.Name, ids, begin, 2)
		require.True(t, ok)
		require.Len(t, events, len(sc.Steps))
		at := begin
		for i, e := range events {
			require.True(t, known.Knows(e.Name), e.Name)
			require.Equal(t, sc.Steps[i].EventName, e.Name)
			at = at.Add(sc.Steps[i].After / 2)
			require.Equal(t, at, e.Time, "%s %d", sc.Name, i)
			require.NotNil(t, subject(e))
			require.Equal(t, subject(events[0]), subject(e), "%s %d", sc.Name, i)
		}
		require.False(t, seen[subject(events[0])], "no two flows share a subject")
		seen[subject(events[0])] = true

		events, _ = box.Play(sc.Name, ids, begin, 0)
		require.Equal(t, begin, events[len(events)-1].Time, "all at once")
	}
	_, ok := box.Play("no such", ids, begin, 1)
	require.False(t, ok)
	done, _ := box.Play("signature_done", ids, begin, 1)
	last := object(t, done[len(done)-1].Data)["signature_request"].(map[string]any)
	require.Equal(t, "done", last["status"])
	require.NotNil(t, last["completed_at"])
	first := object(t, done[0].Data)["signature_request"].(map[string]any)
	require.Equal(t, "ongoing", first["status"])
	require.Nil(t, first["completed_at"])
}
