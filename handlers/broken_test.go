package handlers

import (
	"context"
	"errors"

	"hookrouter/models"
)

// brokenRules can't be refreshed.
type brokenRules struct{}

func (brokenRules) Refresh(context.Context) error { return errors.New("no database") }
func (brokenRules) Loaded() bool                  { return false }

func (brokenRules) Match(*models.Event, []*models.Subscription) []*models.Subscription { return nil }
