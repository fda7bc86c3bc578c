package web

import (
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
)

// rule is what the sentence about a subscription says, in parts of which every other one is set off.
func (f *subscriptionForm) rule() []string {
	side := "production"
	if f.sandbox {
		side = "sandbox"
	}
	parts := []string{"Every "}
	switch {
	case len(f.events) == 0:
		return []string{"Choose at least one event to see the rule as a sentence."}
	case f.events[0] == models.Any:
		parts = append(parts, side+" event")
	default:
		parts = append(parts, side+" event", " named ", listed(f.events, "or"))
	}
	if len(f.scopes) > 0 && f.scopes[0] != models.Any {
		parts = append(parts, " that began in ", listed(f.scopes, "or"))
	}
	if len(f.workspaces) > 0 && f.workspaces[0] != models.Any {
		names := make([]string, len(f.workspaces))
		for i, id := range f.workspaces {
			names[i] = f.workspaceName(id)
		}
		parts = append(parts, " in the workspace ", listed(names, "or"))
	}
	if f.entity != "" {
		parts = append(parts, " about ", f.entity)
	}
	host := models.PublicEndpoint(f.endpoint)
	if host == "" {
		host = "the endpoint"
	}
	parts = append(parts, " goes to ", host)
	if f.autoRetry {
		parts = append(parts, ", and is ", "tried again for days", " where that fails.")
	} else {
		parts = append(parts, ", and is ", "not tried again", " where that fails, but once after a first timeout.")
	}
	if !f.enabled {
		parts = append(parts, "Now it is disabled", ": nothing is sent.")
	}
	return parts
}

func (f *subscriptionForm) workspaceName(id string) string {
	for _, w := range f.workspaceList {
		if w.ID == id {
			return w.Name
		}
	}
	return id
}

// listed joins a few names the way people do.
func listed(names []string, word string) string {
	const few = 4
	rest := 0
	if len(names) > few {
		names, rest = names[:few-1], len(names)-few+1
	}
	if rest > 0 {
		return strings.Join(names, ", ") + " " + word + " " + strconv.Itoa(rest) + " others"
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + word + " " + names[len(names)-1]
}

// dryRun is what the API says a change would have done.
type dryRun struct {
	Events struct {
		Examined int        `json:"examined"`
		From     *time.Time `json:"from"`
	} `json:"events"`
	Before   *int    `json:"matched_before"`
	After    int     `json:"matched_after"`
	Gained   sampled `json:"gained"`
	Lost     sampled `json:"lost"`
	Overlaps struct {
		Complete bool `json:"complete"`
		Webhooks []struct {
			ID string `json:"subscription_id"`
			sampled
		} `json:"webhooks"`
	} `json:"overlaps"`
	Patterns []struct {
		Pattern string `json:"pattern"`
		Silent  *bool  `json:"silent"`
	} `json:"patterns"`
}

type sampled struct {
	Count   int `json:"count"`
	Samples []struct {
		ID        string    `json:"id"`
		Name      string    `json:"event_name"`
		CreatedAt time.Time `json:"created_at"`
	} `json:"samples"`
}

// silent are the patterns of which no event was published in a month.
func (d *dryRun) silent() []string {
	var out []string
	for _, p := range d.Patterns {
		if p.Silent != nil && *p.Silent {
			out = append(out, p.Pattern)
		}
	}
	return out
}
