package models

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	org, workspace := ID{1}, ID{2}
	e := &Event{OrganizationID: org, Name: "signer.done", Scope: "app", WorkspaceID: workspace, EntityKey: "e", Sandbox: true}
	for name, c := range map[string]struct {
		change func(s *Subscription)
		event  func(e *Event)
		want   []Mismatch
	}{
		"matched":      {},
		"organization": {func(s *Subscription) { s.OrganizationID = ID{3} }, nil, []Mismatch{MismatchOrganization}},
		"deleted":      {func(s *Subscription) { s.DeletedAt = time.Unix(1, 0) }, nil, []Mismatch{MismatchDeletedBefore}},
		"disabled":     {func(s *Subscription) { s.Enabled = false }, nil, []Mismatch{MismatchDisabled}},
		"sandbox":      {func(s *Subscription) { s.Sandbox = false }, nil, []Mismatch{MismatchSandbox}},
		"event":        {func(s *Subscription) { s.Events = []Pattern{"signer.done.*", "contact.*"} }, nil, []Mismatch{MismatchEvent}},
		"scope":        {func(s *Subscription) { s.Scopes = []string{"public_api"} }, nil, []Mismatch{MismatchScope}},
		"no scope":     {nil, func(e *Event) { e.Scope = "" }, []Mismatch{MismatchScope}},
		"workspace":    {func(s *Subscription) { s.Workspaces = []string{ID{9}.String()} }, nil, []Mismatch{MismatchWorkspace}},
		"no workspace": {nil, func(e *Event) { e.WorkspaceID = ID{} }, []Mismatch{MismatchWorkspace}},
		"entity":       {func(s *Subscription) { s.EntityKey = "f" }, nil, []Mismatch{MismatchEntity}},
		"no entity":    {func(s *Subscription) { s.EntityKey = "e" }, func(e *Event) { e.EntityKey = "" }, []Mismatch{MismatchEntity}},
		"everything at once": {func(s *Subscription) {
			*s = Subscription{OrganizationID: org, DeletedAt: time.Unix(1, 0), EntityKey: "f"}
		}, nil, []Mismatch{
			MismatchDeletedBefore, MismatchDisabled, MismatchSandbox, MismatchEvent, MismatchScope, MismatchWorkspace, MismatchEntity,
		}},
	} {
		s := &Subscription{
			OrganizationID: org, Enabled: true, Sandbox: true, Events: []Pattern{"signer.*"}, Scopes: []string{"app"},
			Workspaces: []string{workspace.String()},
		}
		at := *e
		if c.change != nil {
			c.change(s)
		}
		if c.event != nil {
			c.event(&at)
		}
		require.Equal(t, c.want, Explain(s, &at), name)
		require.Equal(t, len(c.want) == 0, s.Matches(&at), name)
	}
	require.Equal(t, []Mismatch{MismatchCreatedLater}, Explain(nil, e))
}
