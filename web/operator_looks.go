package web

import (
	"net/url"
	"strconv"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

func (s *site) instanceRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/instances", who: operators, page: s.showInstances}}
}

func (s *site) queueRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/queue", who: operators, page: s.showQueue}}
}

func (s *site) ledgerRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/ledger", who: operators, page: s.showLedger}}
}

func (s *site) suspensionRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/suspensions", who: operators, page: s.showSuspensions}}
}

func (s *site) storageRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/storage", who: operators, page: s.showStorage}}
}

func (s *site) settingRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/settings", who: operators, page: s.showSettings}}
}

// addressOf is a path with a query, where there is one.
func addressOf(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// instance is a process that sends.
type instance struct {
	ID          int64     `json:"id"`
	Name        string    `json:"name"`
	Live        bool      `json:"live"`
	Dead        bool      `json:"dead"`
	GivenBack   bool      `json:"work_given_back"`
	StartedAt   time.Time `json:"started_at"`
	HeartbeatAt time.Time `json:"heartbeat_at"`
	Silent      float64   `json:"silent_seconds"`
}

func (i *instance) state() ui.State {
	switch {
	case i.Live:
		return ui.State{Word: "Live", Tone: ui.Good}
	case !i.Dead:
		return ui.State{Word: "Silent", Tone: ui.Bad}
	case i.GivenBack:
		return ui.State{Word: "Ended", Tone: ui.Quiet}
	}
	return ui.State{Word: "Ended, its work is being given back", Tone: ui.Wait}
}

func (i *instance) silent() string {
	return strconv.Itoa(int(i.Silent)) + " s"
}

func (s *site) showInstances(v *view) error {
	var list struct{ Data []instance }
	if err := v.get("/admin/v1/instances", &list); err != nil {
		return err
	}
	return v.render("Instances", instancesPage(v, list.Data))
}

// queue is how the queue stands, and lanes are the fullest of this instance.
type queue struct {
	FloorAt         *time.Time `json:"floor_at"`
	OldestDueAt     *time.Time `json:"oldest_due_at"`
	Suspended       int        `json:"suspended_webhooks"`
	LiveInstances   int        `json:"live_instances"`
	PartitionsAhead *int64     `json:"partitions_ahead"`
	DeadRows        *int64     `json:"dead_rows_estimate"`
	DatabaseTime    time.Time  `json:"database_time"`
}

// late is when the oldest due delivery has waited for too long: its attempt should have begun within a second or two.
const late = 30 * time.Second

func (q *queue) state() ui.State {
	switch {
	case q.OldestDueAt == nil:
		return ui.State{Word: "Nothing is due", Tone: ui.Good}
	case q.DatabaseTime.Sub(*q.OldestDueAt) > late:
		return ui.State{Word: "Behind", Tone: ui.Bad}
	}
	return ui.State{Word: "Keeps up", Tone: ui.Good}
}

type lane struct {
	WebhookID string `json:"webhook_id"`
	Queued    int    `json:"queued"`
	InFlight  int    `json:"in_flight"`
	Window    int    `json:"window"`
	Limit     int    `json:"limit"`
	Bytes     int    `json:"bytes"`
	Pace      string `json:"pace"`
	Backlog   bool   `json:"backlog"`
}

func (l *lane) state() ui.State {
	switch l.Pace {
	case "quick":
		return ui.State{Word: "Quick", Tone: ui.Good}
	case "slow":
		return ui.State{Word: "Slow", Tone: ui.Wait}
	}
	return ui.State{Word: "Untried", Tone: ui.Quiet}
}

func (s *site) showQueue(v *view) error {
	q := &queue{}
	if err := v.get("/admin/v1/queue", q); err != nil {
		return err
	}
	var list struct{ Data []lane }
	if err := v.get("/admin/v1/lanes", &list); err != nil {
		return err
	}
	return v.render("Queue", queuePage(v, q, list.Data))
}

// ledger says whether every match at acceptance is accounted for.
type ledger struct {
	Balanced bool `json:"balanced"`
	Data     []struct {
		OrganizationID string                          `json:"organization_id"`
		Organization   string                          `json:"organization"`
		Events         int64                           `json:"events"`
		Expected       int64                           `json:"expected"`
		Deliveries     map[models.DeliveryStatus]int64 `json:"deliveries"`
		Balanced       bool                            `json:"balanced"`
	} `json:"data"`
}

func balance(ok bool) ui.State {
	if ok {
		return ui.State{Word: "Balanced", Tone: ui.Good}
	}
	return ui.State{Word: "Not balanced", Tone: ui.Bad}
}

func (s *site) showLedger(v *view) error {
	l := &ledger{}
	if err := v.get("/admin/v1/ledger", l); err != nil {
		return err
	}
	return v.render("Ledger", ledgerPage(v, l))
}

// suspension is a suspended subscription of anybody's.
type suspension struct {
	OrganizationID string     `json:"organization_id"`
	Organization   string     `json:"organization"`
	WebhookID      string     `json:"webhook_id"`
	Endpoint       string     `json:"endpoint"`
	Reason         string     `json:"reason"`
	SuspendedAt    time.Time  `json:"suspended_at"`
	Failures       int        `json:"failures"`
	NextProbeAt    *time.Time `json:"next_probe_at"`
	Probes         int        `json:"probes"`
	Parked         int        `json:"parked"`
	ParkedIsMore   bool       `json:"parked_is_more"`
}

func (s *suspension) why() string {
	switch models.SuspendReason(s.Reason) {
	case models.SuspendedGone:
		return "answered 410, gone"
	case models.SuspendedFailures:
		return strconv.Itoa(s.Failures) + " failures in a row"
	case models.SuspendedManual:
		return "by hand"
	}
	return s.Reason
}

func (s *suspension) parked() string {
	if s.ParkedIsMore {
		return "more than " + number(int64(s.Parked))
	}
	return number(int64(s.Parked))
}

func (s *site) showSuspensions(v *view) error {
	var list struct{ Data []suspension }
	if err := v.get("/admin/v1/suspensions", &list); err != nil {
		return err
	}
	return v.render("Suspensions", suspensionsPage(v, list.Data))
}

// storage is what the database takes up.
type storage struct {
	Bytes int64  `json:"bytes"`
	Free  *int64 `json:"free_bytes"`
	Parts []struct {
		Table string  `json:"table"`
		Day   *string `json:"day"`
		Rows  *int64  `json:"rows_estimate"`
		Bytes int64   `json:"bytes"`
	} `json:"partitions"`
	More bool `json:"more_partitions"`
}

func (s *site) showStorage(v *view) error {
	st := &storage{}
	if err := v.get("/admin/v1/storage", st); err != nil {
		return err
	}
	return v.render("Storage", storagePage(v, st))
}

// setting is a setting as it holds in this process. The surface leaves secrets out.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

func (s *site) showSettings(v *view) error {
	var list struct{ Data []setting }
	if err := v.get("/admin/v1/settings", &list); err != nil {
		return err
	}
	return v.render("Settings", settingsPage(v, list.Data))
}

// number is a number with its thousands apart.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// size is a number of bytes in the unit that keeps it short.
func size(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 || f >= 100 {
		return strconv.FormatFloat(f, 'f', 0, 64) + " " + units[i]
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + " " + units[i]
}
