package metrics

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// database is a store that answers what a test wants.
type database struct {
	ledger func(ctx context.Context) ([]models.Ledger, error)
	vitals func(ctx context.Context, now time.Time) (models.Vitals, error)
	looks  atomic.Int64
}

var (
	_ Ledger = (*database)(nil)
	_ Vitals = (*database)(nil)
)

func (d *database) Ledger(ctx context.Context) ([]models.Ledger, error) {
	d.looks.Add(1)
	return d.ledger(ctx)
}

func (d *database) Vitals(ctx context.Context, now time.Time) (models.Vitals, error) {
	d.looks.Add(1)
	return d.vitals(ctx, now)
}

// TestMain quiets gin, which is a setting of the process.
func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// world is metrics with everything they read under the test's control.
type world struct {
	*Metrics

	t      testing.TB
	clock  time.Time
	db     *database
	ledger models.Ledger
	vitals models.Vitals
	held   map[Name]float64 // what the parts of the instance report
}

func setup(tb testing.TB, change ...func(*Options)) *world {
	tb.Helper()
	w := &world{t: tb, clock: time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC), held: map[Name]float64{}}
	w.vitals = models.Vitals{PartitionsAhead: 7, Clock: w.clock}
	w.db = &database{
		ledger: func(context.Context) ([]models.Ledger, error) { return []models.Ledger{w.ledger}, nil },
		vitals: func(context.Context, time.Time) (models.Vitals, error) { return w.vitals, nil },
	}
	o := Options{
		Read: func(set func(Name, float64)) {
			for name, v := range w.held {
				set(name, v)
			}
		},
		Ledger: w.db, Vitals: w.db, Version: "v1.2.3", Database: "sqlite", Now: func() time.Time { return w.clock },
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	w.Metrics, err = New(o)
	require.NoError(tb, err)
	return w
}

// text scrapes the page over HTTP.
func (w *world) text() string {
	w.t.Helper()
	server := httptest.NewServer(w.Handler())
	defer server.Close()
	resp, err := http.Get(server.URL + "/metrics")
	require.NoError(w.t, err)
	defer resp.Body.Close()
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	b, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return string(b)
}

// page is the scraped values by series, such as `name{label="value"}`.
func (w *world) page() map[string]float64 {
	w.t.Helper()
	out := map[string]float64{}
	for s := bufio.NewScanner(strings.NewReader(w.text())); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		at := strings.LastIndexByte(s.Text(), ' ')
		v, err := strconv.ParseFloat(s.Text()[at+1:], 64)
		require.NoError(w.t, err)
		out[s.Text()[:at]] = v
	}
	return out
}

// result is a recorded first attempt that took 30 ms and began 2 ms after its event was accepted.
func (w *world) result(id byte, status models.DeliveryStatus, reason models.Reason) models.Result {
	return models.Result{
		Delivery: models.Delivery{ID: models.ID{id}, CreatedAt: w.clock},
		Attempt: &models.Attempt{
			Number: 1, StartedAt: w.clock.Add(2 * time.Millisecond), Success: reason == "", Reason: reason,
			Timings: models.Timings{Total: 30 * time.Millisecond},
		},
		Status: status, Reason: reason,
	}
}
