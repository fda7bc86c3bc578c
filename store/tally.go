package store

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"hookrouter/models"
)

// A tally is what one attempt adds to the statistics, in two bytes: its outcome, its bucket of latencies, and whether its delivery
// failed for good with it. Entries have the tallies of a batch one after the other; an hour has each tally that came up with its number. What a tally says is
// stored for as long as hours are kept, so it does not change.
//
//	bits 0 to 7 the bucket, 8 to 12 the outcome, 13 the end
type tally uint16

const (
	tallySize   = 2
	gaveUpTally = 1 << 13
)

// tallyOf is that of a result with an attempt. It goes by the time that is stored with the attempt.
func tallyOf(r *models.Result) tally {
	took := time.Duration(bounded(r.Attempt.Timings.Total.Microseconds())) * time.Microsecond
	t := tally(models.LatencyBucket(took)) | tally(r.Attempt.Outcome())<<8 // #nosec G115 -- below 256
	if r.Status == models.StatusFailed {
		t |= gaveUpTally
	}
	return t
}

// append writes the tally to the end of entries.
func (t tally) append(entries []byte) []byte {
	return binary.BigEndian.AppendUint16(entries, uint16(t))
}

func (t tally) outcome() models.AttemptOutcome {
	return models.AttemptOutcome(t >> 8 & (models.AttemptOutcomes - 1)) // #nosec G115 -- below 32
}

// addTo counts n attempts of the tally.
func (t tally) addTo(c *models.Counts, n int64) {
	c.Add(t.outcome(), int(t&0xff), t&gaveUpTally != 0, n)
}

// tallies are numbers of attempts by their tally.
type tallies map[tally]int64

var errTallies = errors.New("statistics that can't be read")

// addEntry counts what an entry has, of which there are so many.
func (l tallies) addEntry(outcomes []byte, times int64) error {
	if len(outcomes)%tallySize != 0 {
		return errTallies
	}
	for ; len(outcomes) > 0; outcomes = outcomes[tallySize:] {
		l[tally(binary.BigEndian.Uint16(outcomes))] += times
	}
	return nil
}

// addHour counts what an hour has: pairs of the distance to the tally before and the number, both as varints.
func (l tallies) addHour(counts []byte) error {
	last := uint64(0)
	for len(counts) > 0 {
		distance, k := binary.Uvarint(counts)
		n, m := binary.Uvarint(counts[max(k, 0):])
		if last += distance; k <= 0 || m <= 0 || last > 0xffff {
			return errTallies
		}
		l[tally(last)] += int64(n) // #nosec G115 -- a count of ours
		counts = counts[k+m:]
	}
	return nil
}

// hour writes them as an hour has them.
func (l tallies) hour() []byte {
	var counts []byte
	last := uint64(0)
	for _, t := range slices.Sorted(maps.Keys(l)) {
		counts = binary.AppendUvarint(counts, uint64(t)-last)
		counts = binary.AppendUvarint(counts, uint64(l[t])) // #nosec G115 -- a count of ours
		last = uint64(t)
	}
	return counts
}

// sums are how many attempts there are, and how many of them succeeded.
func (l tallies) sums() (attempts, succeeded int64) {
	for t, n := range l {
		attempts += n
		if t.outcome().Success() {
			succeeded += n
		}
	}
	return attempts, succeeded
}

func (l tallies) addTo(c *models.Counts) {
	for t, n := range l {
		t.addTo(c, n)
	}
}

// hourMs is the length of an hour in milliseconds.
const hourMs = int64(time.Hour / time.Millisecond)

// hourOf numbers the hours since 1970.
func hourOf(t time.Time) int64 { return ms(t) / hourMs }

func hourStart(hour int64) time.Time { return instant(hour * hourMs) }

// lastAttempt is the column of that name: of two, the one that started later is larger.
func lastAttempt(a *models.Attempt) int64 {
	last := ms(a.StartedAt) * 2
	if a.Success {
		last++
	}
	return last
}

func parseLastAttempt(last int64) (at time.Time, success bool) { return instant(last / 2), last%2 == 1 }

// counted reports whether a result goes into the statistics: it has an attempt, and not of a test, which says nothing of what the endpoint does
// with events.
func counted(r *models.Result) bool { return r.Attempt != nil && !r.Delivery.Test() }

// outcomeColumn has the tallies of results, each in a slice of its own, which is empty for what does not count.
func outcomeColumn(rs []models.Result) [][]byte {
	all, list := make([]byte, 0, len(rs)*tallySize), make([][]byte, len(rs))
	for i := range rs {
		from := len(all)
		if counted(&rs[i]) {
			all = tallyOf(&rs[i]).append(all)
		}
		list[i] = all[from:]
	}
	return list
}
