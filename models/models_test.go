package models_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestID(t *testing.T) {
	t.Parallel()
	const text = "0198c2f0-7a3b-7def-8123-456789abcdef"
	v, err := models.ParseID(strings.ToUpper(text))
	require.NoError(t, err)
	require.Equal(t, text, v.String())
	b, err := json.Marshal(v)
	require.NoError(t, err)
	require.JSONEq(t, `"`+text+`"`, string(b))
	var back models.ID
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, v, back)
	require.Equal(t, int64(0x0198c2f07a3b), v.Time().UnixMilli())

	for _, bad := range []string{
		"", "0198c2f07a3b7def8123456789abcdef", "{" + text + "}", text + "0", "0198c2f0-7a3b-7def-8123-456789abcdeg",
		"0198c2f0_7a3b_7def_8123_456789abcdef", "urn:uuid:" + text,
	} {
		_, err := models.ParseID(bad)
		require.Equal(t, models.CodeInvalid, models.CodeOf(err), bad)
		require.Error(t, back.UnmarshalText([]byte(bad)))
	}
	require.Equal(t, v, back, "a bad text leaves the id alone")
}

func TestFloorIDIsAtOrBelowIDsOfItsInstant(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(0x0198c2f07a3b)
	floor, later := models.FloorID(at), models.FloorID(at.Add(time.Millisecond))
	v := id(t, "0198c2f0-7a3b-7000-8000-000000000000")
	require.Equal(t, v, floor)
	require.Less(t, floor.String(), later.String())
	require.Equal(t, at.UTC(), floor.Time())
}

func TestMarkTest(t *testing.T) {
	t.Parallel()
	ref := id(t, "0198c2f0-7a3b-7def-8123-456789abcdef")
	require.False(t, (&models.Event{Ref: ref}).Test())
	marked := models.MarkTest(ref)
	require.Equal(t, "0198c2f0-7a3b-8def-8123-456789abcdef", marked.String())
	require.True(t, (&models.Event{Ref: marked}).Test())
	require.True(t, (&models.Delivery{EventRef: marked}).Test())
	require.Equal(t, ref.Time(), marked.Time())
	require.Negative(t, marked.Compare(models.FloorID(ref.Time().Add(time.Millisecond))), "it sorts within its millisecond")
	first, last := models.DeliveryIDs(marked)
	for _, n := range []int{0, 1, 1<<24 - 1} {
		d := models.DeliveryID(marked, n)
		require.True(t, first.Compare(d) <= 0 && d.Compare(last) <= 0)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0198c2f0-7a3b-7def-8123-456789abcdef")
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := models.ParseID(s); err == nil {
			require.Equal(t, strings.ToLower(s), v.String())
		}
	})
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	err := fmt.Errorf("save events: %w", models.Errorf(models.CodeUnavailable, "The database is not available: %w", cause))
	require.Equal(t, models.CodeUnavailable, models.CodeOf(err))
	require.ErrorIs(t, err, cause)
	require.Equal(t, models.CodeInternal, models.CodeOf(cause))
	require.Contains(t, models.Invalid(models.FieldError{Name: "endpoint", Reason: "is missing"}).Error(), "endpoint: is missing")
}

func TestSecretDoesNotLeak(t *testing.T) {
	t.Parallel()
	s := models.NewSecret("k3yk3yk3y")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "sub", models.Subscription{Secret: s, Headers: []models.Header{{Name: "A", Value: s}}})
	b, err := json.Marshal(models.Subscription{Secret: s})
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(s), fmt.Sprintf("%+v", models.Subscription{Secret: s}), fmt.Sprintf("%#v", models.Subscription{Secret: s}),
		fmt.Sprintf("%q", s), log.String(), string(b),
	} {
		require.NotContains(t, text, "k3y")
	}
	require.Equal(t, "k3yk3yk3y", s.Reveal())
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	c := models.BuiltinCatalogue()
	perFamily := map[models.Family]int{}
	seen := map[string]bool{}
	for _, e := range c.Types() {
		perFamily[e.Family]++
		require.False(t, seen[e.Name], "%s stands twice", e.Name)
		seen[e.Name] = true
		require.True(t, models.ValidEventName(e.Name), e.Name)
		require.True(t, strings.HasSuffix(e.Description, "."), e.Name)
		require.True(t, c.Knows(e.Name))
	}
	require.Equal(t, map[models.Family]int{models.FamilyYousign: 56, models.FamilyDocumenso: 14, models.FamilyQuicklySign: 6, models.FamilyHookrouter: 4}, perFamily)

	for pattern, want := range map[models.Pattern]bool{
		"*": true, "signer.*": true, "verification.identity_video.*": true, "signer.done": true,
		"signer.finished": false, "signatory.*": false, "signer.done.*": false,
	} {
		require.Equal(t, want, c.Reaches(pattern), pattern)
	}
	scope, ok := c.Scope("connector_google_api")
	require.True(t, ok)
	require.False(t, scope.Subscribable)
	_, ok = c.Scope("fax")
	require.False(t, ok)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	may := map[models.Role][]models.Action{
		models.RoleAdmin:     {models.ActionRead, models.ActionPublish, models.ActionManage, models.ActionKeys},
		models.RoleManager:   {models.ActionRead, models.ActionPublish, models.ActionManage},
		models.RolePublisher: {models.ActionPublish},
		models.RoleReader:    {models.ActionRead},
	}
	for _, role := range append(models.Roles(), "stranger") {
		for _, action := range []models.Action{models.ActionRead, models.ActionPublish, models.ActionManage, models.ActionKeys} {
			want := false
			for _, a := range may[role] {
				want = want || a == action
			}
			require.Equal(t, want, role.May(action), "%s %s", role, action)
		}
	}
}

func TestLedgerBalances(t *testing.T) {
	t.Parallel()
	l := models.Ledger{Expected: 3, ByStatus: map[models.DeliveryStatus]int64{models.StatusDelivered: 2, models.StatusParked: 1}}
	require.True(t, l.Balanced())
	l.Expected++
	require.False(t, l.Balanced())
}

func TestTerminalStatuses(t *testing.T) {
	t.Parallel()
	var terminal []models.DeliveryStatus
	for _, s := range models.Statuses() {
		if s.Terminal() {
			terminal = append(terminal, s)
		}
	}
	require.Equal(t, []models.DeliveryStatus{models.StatusDelivered, models.StatusFailed, models.StatusCanceled}, terminal)
}

func TestSamples(t *testing.T) {
	t.Parallel()
	for _, e := range models.BuiltinCatalogue().Types() {
		sample := models.Sample(e.Name)
		var data map[string]any
		require.NoError(t, json.Unmarshal(sample, &data), e.Name)
		require.NotContains(t, string(sample), "<", e.Name)
		switch family, _, _ := strings.Cut(e.Name, "."); {
		case e.Family == models.FamilyDocumenso:
			require.Contains(t, data, "envelopeId", e.Name)
			require.Equal(t, data["recipients"], data["Recipient"], e.Name)
		case family == "signature_request":
			require.Len(t, data, 1, e.Name)
			require.Contains(t, data, "signature_request", e.Name)
		case family == "signer", family == "approver":
			require.Contains(t, data, "signature_request", e.Name)
			require.Contains(t, data, family, e.Name)
		default:
			require.NotEmpty(t, data, e.Name)
		}
	}
	require.Nil(t, models.Sample("invoice.paid"))
	require.Contains(t, string(models.Sample("signature_request.done")), `"status":"done"`)
	require.Contains(t, string(models.Sample("document.completed")), `"status":"COMPLETED"`)
}

func TestOwnEntriesJoinTheCatalogue(t *testing.T) {
	t.Parallel()
	builtin := models.BuiltinCatalogue()
	own := builtin.With([]models.CatalogueEntry{
		{Kind: models.KindEventType, Name: "invoice.paid"}, {Kind: models.KindScope, Name: "letter"},
	})
	require.True(t, own.Reaches("invoice.*"))
	require.False(t, builtin.Reaches("invoice.*"))
	scope, ok := own.Scope("letter")
	require.True(t, ok)
	require.True(t, scope.Subscribable)
	require.Same(t, builtin, builtin.With(nil))
}
