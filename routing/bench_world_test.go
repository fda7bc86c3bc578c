package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"hookrouter/models"
)

// The selective tenant is one organization whose subscriptions are about single documents or lists of workspaces.

func benchSubscription(r *rand.Rand, n int) *models.Subscription {
	s := &models.Subscription{
		ID: testID('s', n), OrganizationID: testID('o', 0), Version: 1, Enabled: true,
		Scopes: []string{models.Any}, Workspaces: []string{models.Any},
	}
	if r.IntN(10) < 3 {
		s.Events = []models.Pattern{models.Any}
	} else {
		for range 1 + r.IntN(8) {
			s.Events = append(s.Events, models.Pattern(benchNames[r.IntN(len(benchNames))]))
		}
	}
	if r.IntN(10) >= 6 {
		s.Scopes = []string{"app", "public_api"}[:1+r.IntN(2)]
	}
	return s
}

// selective makes n subscriptions: a tenth of them in groups of 10 by document that take any event, another tenth in groups of
// 1,000, of the rest four fifths each on a document of its own and a fifth on lists of 1 to 20 workspaces.
func selective(n int) []*models.Subscription {
	r := rand.New(rand.NewPCG(7, 7))
	subs := make([]*models.Subscription, n)
	for i := range subs {
		s := benchSubscription(r, i)
		switch {
		case i < n/10:
			s.EntityKey = benchEntity(10, i/10)
			s.Events, s.Scopes = []models.Pattern{models.Any}, []string{models.Any}
		case i < n/5:
			s.EntityKey = benchEntity(1000, i/1000)
		case r.IntN(5) > 0:
			s.EntityKey = benchEntity(1, i)
		default:
			s.Workspaces = s.Workspaces[:0]
			for range 1 + r.IntN(20) {
				s.Workspaces = append(s.Workspaces, testID('w', r.IntN(max(n/10, 10))).String())
			}
		}
		subs[i] = s
	}
	return subs
}

func benchEntity(h, n int) string { return testID('e', h*10_000_000+n).String() }

var benchNames = func() []string {
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprintf("family_%d.name_%d", i/5, i%5)
	}
	return names
}()

// crowd is m organizations of 10 subscriptions each.
func crowd(m int) []*models.Subscription {
	r := rand.New(rand.NewPCG(8, 8))
	subs := make([]*models.Subscription, 0, m*10)
	for o := range m {
		for range 10 {
			s := benchSubscription(r, len(subs))
			s.OrganizationID = testID('o', o)
			if r.IntN(5) == 0 {
				s.Workspaces = nil
				for range 1 + r.IntN(20) {
					s.Workspaces = append(s.Workspaces, testID('w', r.IntN(50)).String())
				}
			}
			subs = append(subs, s)
		}
	}
	return subs
}

// dense is one organization whose subscriptions name no document: most lie in one bucket.
func dense(n int) []*models.Subscription {
	r := rand.New(rand.NewPCG(10, 10))
	subs := make([]*models.Subscription, n)
	for i := range subs {
		subs[i] = benchSubscription(r, i)
		if i%5 == 0 {
			subs[i].Workspaces = []string{testID('w', r.IntN(1000)).String()}
		}
	}
	return subs
}

// probes are the events of a benchmark. There is one event, whose fields change, as one that was just read from the network is in
// the cache; what the index knows of it is not. The fields come from runs that are read in order.
type probes struct {
	event         models.Event
	organizations []models.ID
	names         []uint8 // of benchNames
	scopes        []bool  // whether it is the other one
	entities      string  // 36 bytes each; empty where the events have none
	at            int
}

// next is the next event; it is good until the one after it.
func (p *probes) next() *models.Event {
	i := p.at
	if p.at++; p.at == len(p.names) {
		p.at = 0
	}
	e := &p.event
	e.OrganizationID, e.Name, e.Scope = p.organizations[i%len(p.organizations)], benchNames[p.names[i]], "app"
	if p.scopes[i] {
		e.Scope = "public_api"
	}
	if p.entities != "" {
		e.EntityKey = p.entities[i*36 : i*36+36]
	}
	return e
}

// selectiveProbes are events that match exactly h of the selective tenant's subscriptions, each about another document: as many
// as there are, in random order.
func selectiveProbes(subs []*models.Subscription, h int) *probes {
	r := rand.New(rand.NewPCG(12, 12))
	p := &probes{event: models.Event{WorkspaceID: testID('v', 1)}, organizations: []models.ID{testID('o', 0)}}
	var entities strings.Builder
	add := func(name int, scope bool, entity string) {
		p.names, p.scopes = append(p.names, uint8(name)), append(p.scopes, scope)
		entities.WriteString(entity)
	}
	n := len(subs)
	switch h {
	case 1:
		for _, i := range r.Perm(n - n/5) {
			s := subs[n/5+i]
			if s.EntityKey == "" {
				continue
			}
			name := r.IntN(len(benchNames))
			if s.Events[0] != models.Any {
				name = slices.Index(benchNames, string(s.Events[0]))
			}
			add(name, s.Scopes[0] == "public_api", s.EntityKey)
		}
	case 10:
		for _, i := range r.Perm(n / 100) {
			add(r.IntN(len(benchNames)), false, benchEntity(10, i))
		}
	default:
		for _, i := range r.Perm(n) {
			add(r.IntN(len(benchNames)), false, benchEntity(0, i))
		}
	}
	p.entities = entities.String()
	return p
}

// crowdProbes are events of m organizations in random order.
func crowdProbes(m int) *probes {
	r := rand.New(rand.NewPCG(13, 13))
	p := &probes{event: models.Event{WorkspaceID: testID('w', 1)}}
	for _, i := range r.Perm(m) {
		p.organizations = append(p.organizations, testID('o', i))
		p.names, p.scopes = append(p.names, uint8(r.IntN(len(benchNames)))), append(p.scopes, false)
	}
	return p
}
