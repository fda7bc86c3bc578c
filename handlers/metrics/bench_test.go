package metrics

import (
	"testing"
	"time"

	"hookrouter/models"
)

// BenchmarkRecorded is a full batch of results; divide by 512 for what counting adds to one delivery.
func BenchmarkRecorded(b *testing.B) {
	w := setup(b)
	results := make([]models.Result, 512)
	for i := range results {
		results[i] = w.result(byte(i), models.StatusDelivered, "")
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Recorded(results, nil, time.Millisecond, nil)
	}
}

// BenchmarkAnswered is the counting of one published event.
func BenchmarkAnswered(b *testing.B) {
	w := setup(b)
	outcomes := []models.Outcome{{Receipt: models.Receipt{Matched: 1}}}
	b.ReportAllocs()
	for b.Loop() {
		w.Offered(1, 1024)
		w.Answered(1, 1024, outcomes)
	}
}

// BenchmarkScrape is the page without the database.
func BenchmarkScrape(b *testing.B) {
	w := setup(b)
	for b.Loop() {
		if _, err := w.registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}
