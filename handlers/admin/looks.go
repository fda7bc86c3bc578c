package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

const (
	maxLanes = 100 // the fullest; whoever has trouble is among them
	maxParts = 1000
)

// Setting is a setting as it holds in this process.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`  // never a secret: of those only whether they are set
	Source string `json:"source"` // default, file, environment or flag
}

// Lister knows this instance's lanes. Implemented by *delivery.Dispatcher.
type Lister interface {
	Lanes(limit int) []models.Lane
}

type instanceOutput struct {
	ID            int64   `json:"id"` // of this start of the process, never used again
	Name          string  `json:"name"`
	Live          bool    `json:"live"`
	Dead          bool    `json:"dead"`
	WorkGivenBack bool    `json:"work_given_back"`
	StartedAt     string  `json:"started_at"`
	HeartbeatAt   string  `json:"heartbeat_at"`
	Silent        float64 `json:"silent_seconds"`
}

// instances lists the processes that send.
func (a *admin) instances(c *gin.Context) error {
	all, err := a.Store.Instances(c.Request.Context(), a.Now())
	if err != nil {
		return err
	}
	writeList(c, all, func(i models.Instance) instanceOutput {
		return instanceOutput{
			ID: i.ID, Name: i.Name, Live: i.Live(), Dead: i.Dead, WorkGivenBack: i.Swept, StartedAt: handlers.Seconds(i.StartedAt),
			HeartbeatAt: handlers.Seconds(i.HeartbeatAt), Silent: i.Silent.Seconds(),
		}
	})
	return nil
}

type storageOutput struct {
	Bytes int64        `json:"bytes"`
	Free  *int64       `json:"free_bytes"`
	Parts []partOutput `json:"partitions"`
	More  bool         `json:"more_partitions"`
}

type partOutput struct {
	Table string  `json:"table"`
	Day   *string `json:"day"` // null for what lies in no day that was prepared
	Rows  *int64  `json:"rows_estimate"`
	Bytes int64   `json:"bytes"`
}

// storage says what the database takes up, without counting.
func (a *admin) storage(c *gin.Context) error {
	found, err := a.Store.Storage(c.Request.Context(), maxParts)
	if err != nil {
		return err
	}
	out := storageOutput{Bytes: found.Bytes, Free: known(found.Free), Parts: make([]partOutput, 0, len(found.Parts)), More: found.More}
	for _, p := range found.Parts {
		part := partOutput{Table: p.Table, Rows: known(p.Rows), Bytes: p.Bytes}
		if !p.Day.IsZero() {
			day := p.Day.Format(time.DateOnly)
			part.Day = &day
		}
		out.Parts = append(out.Parts, part)
	}
	handlers.WriteJSON(c, http.StatusOK, out)
	return nil
}

// known is nil for a number that the database did not tell.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

type queueOutput struct {
	FloorID         models.ID `json:"floor_id"`
	FloorAt         *string   `json:"floor_at"`      // nothing accepted before it waits
	OldestDueAt     *string   `json:"oldest_due_at"` // since when the oldest delivery waits for its call that is due
	Suspended       int       `json:"suspended_webhooks"`
	LiveInstances   int       `json:"live_instances"`
	PartitionsAhead *int64    `json:"partitions_ahead"` // days after today
	DeadRows        *int64    `json:"dead_rows_estimate"`
	DatabaseTime    string    `json:"database_time"`
}

// queue says how the queue stands, at a cost that does not depend on how much is kept.
func (a *admin) queue(c *gin.Context) error {
	ctx := c.Request.Context()
	floor, err := a.Store.QueueFloor(ctx)
	if err != nil {
		return err
	}
	v, err := a.Store.Vitals(ctx, a.Now())
	if err != nil {
		return err
	}
	out := queueOutput{
		FloorID: floor, OldestDueAt: maybe(v.OldestDue), Suspended: v.Suspended, LiveInstances: v.Instances,
		PartitionsAhead: known(int64(v.PartitionsAhead)), DeadRows: known(v.DeadRows), DatabaseTime: handlers.Seconds(v.Clock),
	}
	if at := floor.Time(); at.Unix() > 0 {
		out.FloorAt = maybe(at)
	}
	handlers.WriteJSON(c, http.StatusOK, out)
	return nil
}

type laneOutput struct {
	WebhookID models.ID `json:"webhook_id"`
	Queued    int       `json:"queued"`
	InFlight  int       `json:"in_flight"`
	Window    int       `json:"window"`
	Limit     int       `json:"limit"`
	Bytes     int       `json:"bytes"`
	Pace      string    `json:"pace"`
	Backlog   bool      `json:"backlog"`
}

// lanes lists this instance's fullest lanes; an instance that sends nothing has none.
func (a *admin) lanes(c *gin.Context) error {
	var all []models.Lane
	if a.Lanes != nil {
		all = a.Lanes.Lanes(maxLanes)
	}
	writeList(c, all, func(l models.Lane) laneOutput {
		return laneOutput{
			WebhookID: l.SubscriptionID, Queued: l.Queued, InFlight: l.InFlight, Window: l.Window, Limit: l.Limit, Bytes: l.Bytes, Pace: l.Pace,
			Backlog: l.Backlog,
		}
	})
	return nil
}

// settings lists what holds in this process.
func (a *admin) settings(c *gin.Context) error {
	writeList(c, a.Settings, func(s Setting) Setting { return s })
	return nil
}
