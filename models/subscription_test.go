package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

const (
	workspaceA = "5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"
	workspaceB = "0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001"
)

func id(t *testing.T, s string) models.ID {
	t.Helper()
	v, err := models.ParseID(s)
	require.NoError(t, err)
	return v
}

func TestMatches(t *testing.T) {
	t.Parallel()
	org, other := models.ID{1}, models.ID{2}
	event := models.Event{OrganizationID: org, Name: "signer.done", Scope: "app", WorkspaceID: id(t, workspaceA), EntityKey: "pack-1"}
	all := models.Subscription{
		OrganizationID: org, Enabled: true,
		Events: []models.Pattern{models.Any}, Scopes: []string{models.Any}, Workspaces: []string{models.Any},
	}
	for name, tc := range map[string]struct {
		sub   func(*models.Subscription)
		event func(*models.Event)
		want  bool
	}{
		"everything":                    {want: true},
		"other organization":            {sub: func(s *models.Subscription) { s.OrganizationID = other }},
		"disabled":                      {sub: func(s *models.Subscription) { s.Enabled = false }},
		"deleted":                       {sub: func(s *models.Subscription) { s.DeletedAt = time.Unix(1, 0) }},
		"sandbox subscription":          {sub: func(s *models.Subscription) { s.Sandbox = true }},
		"sandbox event":                 {event: func(e *models.Event) { e.Sandbox = true }},
		"both sandbox":                  {sub: func(s *models.Subscription) { s.Sandbox = true }, event: func(e *models.Event) { e.Sandbox = true }, want: true},
		"exact name":                    {sub: func(s *models.Subscription) { s.Events = []models.Pattern{"signer.error", "signer.done"} }, want: true},
		"other name":                    {sub: func(s *models.Subscription) { s.Events = []models.Pattern{"signer.error"} }},
		"family":                        {sub: func(s *models.Subscription) { s.Events = []models.Pattern{"signer.*"} }, want: true},
		"other family":                  {sub: func(s *models.Subscription) { s.Events = []models.Pattern{"sign.*"} }},
		"scope listed":                  {sub: func(s *models.Subscription) { s.Scopes = []string{"public_api", "app"} }, want: true},
		"scope not listed":              {sub: func(s *models.Subscription) { s.Scopes = []string{"public_api"} }},
		"no scope, any":                 {event: func(e *models.Event) { e.Scope = "" }, want: true},
		"no scope, listed":              {sub: func(s *models.Subscription) { s.Scopes = []string{"app"} }, event: func(e *models.Event) { e.Scope = "" }},
		"workspace listed":              {sub: func(s *models.Subscription) { s.Workspaces = []string{workspaceB, workspaceA} }, want: true},
		"workspace not listed":          {sub: func(s *models.Subscription) { s.Workspaces = []string{workspaceB} }},
		"no workspace, any":             {event: func(e *models.Event) { e.WorkspaceID = models.ID{} }, want: true},
		"no workspace, listed":          {sub: func(s *models.Subscription) { s.Workspaces = []string{workspaceA} }, event: func(e *models.Event) { e.WorkspaceID = models.ID{} }},
		"zero workspace listed by name": {sub: func(s *models.Subscription) { s.Workspaces = []string{models.ID{}.String()} }, event: func(e *models.Event) { e.WorkspaceID = models.ID{} }},
		"same entity":                   {sub: func(s *models.Subscription) { s.EntityKey = "pack-1" }, want: true},
		"other entity":                  {sub: func(s *models.Subscription) { s.EntityKey = "pack-2" }},
		"parent of the entity":          {sub: func(s *models.Subscription) { s.EntityKey = "pack-0" }, event: func(e *models.Event) { e.EntityParentKey = "pack-0" }, want: true},
		"child of a parent":             {sub: func(s *models.Subscription) { s.EntityKey = "pack-1" }, event: func(e *models.Event) { e.EntityParentKey = "pack-0" }, want: true},
		"neither parent nor child":      {sub: func(s *models.Subscription) { s.EntityKey = "pack-2" }, event: func(e *models.Event) { e.EntityParentKey = "pack-0" }},
		"entity wanted, event has none": {sub: func(s *models.Subscription) { s.EntityKey = "pack-1" }, event: func(e *models.Event) { e.EntityKey = "" }},
		"no lists at all":               {sub: func(s *models.Subscription) { s.Events = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, e := all, event
			if tc.sub != nil {
				tc.sub(&s)
			}
			if tc.event != nil {
				tc.event(&e)
			}
			require.Equal(t, tc.want, s.Matches(&e))
		})
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	live := models.Subscription{Enabled: true, AutoRetry: true}
	noRetry := models.Subscription{Enabled: true}
	for name, tc := range map[string]struct {
		d    models.Delivery
		s    models.Subscription
		want models.Reason
	}{
		"live":                                {d: models.Delivery{Attempts: 3}, s: live},
		"first attempt without auto_retry":    {s: noRetry},
		"retry without auto_retry":            {d: models.Delivery{Attempts: 1}, s: noRetry, want: models.ReasonAutoRetryOff},
		"owed retry without auto_retry":       {d: models.Delivery{Attempts: 1, Owed: true}, s: noRetry},
		"disabled":                            {s: models.Subscription{AutoRetry: true}, want: models.ReasonDisabled},
		"deleted":                             {s: models.Subscription{Enabled: true, DeletedAt: time.Unix(1, 0)}, want: models.ReasonDeleted},
		"deleted and disabled: deleted wins":  {s: models.Subscription{DeletedAt: time.Unix(1, 0)}, want: models.ReasonDeleted},
		"disabled and enabled since":          {d: models.Delivery{SubscriptionVersion: 2}, s: models.Subscription{Enabled: true, Version: 4, StoppedBelow: 3}, want: models.ReasonDisabled},
		"matched after it was enabled":        {d: models.Delivery{SubscriptionVersion: 4}, s: models.Subscription{Enabled: true, Version: 4, StoppedBelow: 3}},
		"owed retry of a disabled one: stops": {d: models.Delivery{Attempts: 1, Owed: true}, want: models.ReasonDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reason, stopped := tc.d.Stopped(&tc.s)
			require.Equal(t, tc.want, reason)
			require.Equal(t, tc.want != "", stopped)
		})
	}
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	require.Equal(t, models.DefaultMaxInFlight, (&models.Subscription{}).InFlight())
	require.Equal(t, 3, (&models.Subscription{MaxInFlight: 3}).InFlight())
}
