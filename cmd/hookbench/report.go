package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reading is what one measurement of a scenario found, by key. Some keys mean the same in each: lost and duplicates count deliveries
// that must not have been.
type reading map[string]float64

const (
	lost       = "lost"
	duplicates = "duplicates"
	refused    = "refused" // publishes, which the publisher knows of
)

// row is a line of the table.
type row struct {
	key    string // of a reading
	title  string
	unit   string
	goal   goal
	beside yardmark
}

// goal is what a figure is held against. The zero goal is none.
type goal struct {
	relation         string
	postgres, sqlite float64
}

func atLeast(postgres, sqlite float64) goal { return goal{"≥", postgres, sqlite} }
func atMost(postgres, sqlite float64) goal  { return goal{"≤", postgres, sqlite} }

// yardmark is the key of the other figure of the same reading that a row is read beside.
type yardmark string

const (
	barePosts      yardmark = "bare_posts_per_s"
	bareDelay      yardmark = "bare_p50_ms"
	syncedDelay    yardmark = "synced_p99_ms"
	eventsWithout  yardmark = "events_without"
	healthyWithout yardmark = "p99_without_ms"
	callsWith      yardmark = "calls_with_per_s"
	firstTenth     yardmark = "first_per_s"
	receiverRatio  yardmark = "receiver_ratio"
	dependentLoad  yardmark = "load_ns"
)

func (y yardmark) unit() string {
	switch y {
	case barePosts:
		return "posts/s of a bare client to a bare server"
	case bareDelay:
		return "ms from a bare client to a bare server"
	case syncedDelay:
		return "ms where the server is bare but for a sync of each to the disk"
	case eventsWithout:
		return "events/s without"
	case healthyWithout:
		return "ms without"
	case callsWith:
		return "calls/s"
	case firstTenth:
		return "deliveries/s in the first"
	case receiverRatio:
		return "of the receiver, last ÷ first"
	case dependentLoad:
		return "ns per load"
	default:
		return ""
	}
}

// sheet is all that was measured.
type sheet struct {
	options  tableOptions
	readings map[[2]string][]reading // by scenario and database
	machine  map[string]string
	begun    time.Time
	took     time.Duration
}

func newSheet(o tableOptions) *sheet {
	return &sheet{options: o, readings: map[[2]string][]reading{}, begun: time.Now()}
}

func (s *sheet) add(scenario, dialect string, r reading) {
	key := [2]string{scenario, dialect}
	s.readings[key] = append(s.readings[key], r)
}

// describe notes what it was measured on.
func (s *sheet) describe(ctx context.Context, b *bench) {
	s.took = time.Since(s.begun)
	s.machine = map[string]string{"cores": strconv.Itoa(runtime.NumCPU()), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}
	var version string
	if b.admin != nil && b.admin.QueryRowContext(ctx, "SHOW server_version").Scan(&version) == nil {
		s.machine[postgres] = version
	}
}

// figure is a row with what was measured, for one database.
type figure struct {
	Scenario string    `json:"scenario"`
	Database string    `json:"database,omitempty"`
	Key      string    `json:"key"`
	Title    string    `json:"title"`
	Unit     string    `json:"unit,omitempty"`
	Median   float64   `json:"median"`
	Runs     []float64 `json:"runs"`
	Target   string    `json:"target,omitempty"`
	Met      *bool     `json:"met,omitempty"`
	Beside   string    `json:"beside,omitempty"`
}

// figures are in the order of the table.
func (s *sheet) figures() []figure {
	var out []figure
	for _, c := range s.options.scenarios {
		for _, r := range c.rows {
			for _, dialect := range c.runsOn(s.options.databases) {
				readings := s.readings[[2]string{c.name, dialect}]
				runs := values(readings, r.key)
				if len(runs) == 0 {
					continue // nobody counts it here
				}
				f := figure{Scenario: c.name, Database: dialect, Key: r.key, Title: r.title, Unit: r.unit, Median: median(runs), Runs: runs}
				if r.goal.relation != "" {
					met := r.goal.met(dialect, f.Median)
					f.Met, f.Target = &met, r.goal.relation+" "+round(r.goal.of(dialect))
				}
				if beside := values(readings, string(r.beside)); len(beside) > 0 {
					f.Beside = number(median(beside)) + " " + r.beside.unit()
				}
				out = append(out, f)
			}
		}
	}
	return out
}

func (g goal) of(dialect string) float64 {
	if dialect == sqlite {
		return g.sqlite
	}
	return g.postgres
}

func (g goal) met(dialect string, value float64) bool {
	if g.relation == "≥" {
		return value >= g.of(dialect)
	}
	return value <= g.of(dialect)
}

func values(readings []reading, key string) []float64 {
	var out []float64
	for _, r := range readings {
		if v, ok := r[key]; ok && !math.IsNaN(v) && !math.IsInf(v, 0) { // a share of nothing is no figure
			out = append(out, v)
		}
	}
	return out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// number writes a figure with three digits that matter, and thousands apart.
func number(v float64) string {
	digits := 0
	if a := math.Abs(v); a > 0 && a < 100 && v != math.Trunc(v) {
		digits = max(0, 2-int(math.Floor(math.Log10(a))))
	}
	text := strconv.FormatFloat(v, 'f', min(digits, 4), 64)
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		return whole + "." + fraction
	}
	return whole
}

// round writes a figure that was chosen: without the digits that say how exactly it was measured.
func round(v float64) string {
	text := number(v)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// total adds a count up over all that was measured.
func (s *sheet) total(key string) int {
	sum := 0.0
	for _, readings := range s.readings {
		for _, r := range readings {
			sum += r[key]
		}
	}
	return int(sum)
}

func (s *sheet) markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| measure | database | measured | target | | in the same run |\n|---|---|---|---|---|---|\n")
	names := map[string]string{postgres: "PostgreSQL", sqlite: "SQLite", "": "–"}
	for _, f := range s.figures() {
		met := ""
		switch {
		case f.Met == nil:
		case *f.Met:
			met = "met"
		default:
			met = "missed"
		}
		measured := strings.TrimSpace(number(f.Median) + " " + f.Unit)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", f.Title, names[f.Database], measured, f.Target, met, f.Beside)
	}
	fmt.Fprintf(&b, "\nLost %d, delivered twice %d, refused %d. %d rounds, %.0f s", s.total(lost), s.total(duplicates), s.total(refused), s.options.runs, s.took.Seconds())
	for _, key := range slices.Sorted(maps.Keys(s.machine)) {
		fmt.Fprintf(&b, ", %s %s", key, s.machine[key])
	}
	b.WriteString(".\n")
	if s.options.short {
		b.WriteString("Short sizes: counts are as good as at full size, times mean nothing.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *sheet) json() ([]byte, error) {
	b, err := json.MarshalIndent(map[string]any{
		"begun": s.begun.UTC().Format(time.RFC3339), "took_s": s.took.Seconds(), "short": s.options.short, "machine": s.machine,
		lost: s.total(lost), duplicates: s.total(duplicates), "figures": s.figures(),
	}, "", "  ")
	return append(b, '\n'), err
}

// verdict is an error where something was lost or came twice without a crash: no figure is worth anything then. A missed target is
// none, since a machine may be slow.
func (s *sheet) verdict() error {
	if s.total(lost) > 0 || s.total(duplicates) > 0 {
		return errors.New("deliveries were lost or came twice")
	}
	return nil
}
