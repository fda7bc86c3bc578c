package models

import "time"

// Scenario is an ordered flow of events about the same things, for trying a receiver out.
type Scenario struct {
	Name        string // such as "signature_done"
	Family      Family
	Description string
	Steps       []ScenarioStep
}

// ScenarioStep is one event of a [Scenario].
type ScenarioStep struct {
	EventName string
	After     time.Duration // since the step before, at normal speed
}
