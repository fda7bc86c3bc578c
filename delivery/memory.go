package delivery

import (
	"math"
	"time"

	"hookrouter/models"
)

// memory is a bound of jobs and bytes, and how much of it is used.
type memory struct {
	maxJobs, maxBytes int
	jobs, bytes       int  // held, or promised
	starved           bool // a claim was put off for lack of room
}

func (m *memory) hold(jobs, bytes int) {
	m.jobs += jobs
	m.bytes += bytes
}

func (m *memory) over() bool { return m.jobs > m.maxJobs || m.bytes > m.maxBytes }
func (m *memory) full() bool { return m.jobs >= m.maxJobs || m.bytes >= m.maxBytes }

// eased reports whether there is room again for a claim that was put off. A quarter at once: claims of many are cheaper.
func (m *memory) eased() bool {
	return m.starved && m.jobs <= m.maxJobs/4*3 && m.bytes <= m.maxBytes/4*3
}

const (
	// share is the part of the free memory, 1/share, that one lane may hold.
	share = 4
	// modestRoom is what a lane may hold however little is free, so that it is not claimed for one by one.
	modestRoom = 8
)

// newMemory is the memory for lanes of each pace and those behind it: the first for all of them, three quarters of that for the untried
// and the slow, a half for the slow. So receivers that are stuck leave room to new ones, and both to those that are quick.
func newMemory(jobs, bytes int) (m [paces]memory) {
	m[quick] = memory{maxJobs: jobs, maxBytes: bytes}
	m[untried] = memory{maxJobs: part(jobs, 3, 4), maxBytes: part(bytes, 3, 4)}
	m[slow] = memory{maxJobs: part(jobs, 1, 2), maxBytes: part(bytes, 1, 2)}
	return m
}

// hold counts jobs and bytes that the lane holds, or was promised room for.
func (b *board) hold(l *lane, jobs, bytes int) {
	l.held += jobs
	l.bytes += bytes
	for p := quick; p <= l.stays; p++ {
		b.memory[p].hold(jobs, bytes)
	}
	if jobs < 0 {
		b.list(l)
	}
}

// regard counts what the lane holds by how long it stays: as its pace is now, and where its rate spaces the calls as if it were slow.
func (b *board) regard(l *lane) {
	stays := l.tempo.pace()
	if l.perSec > 0 {
		stays = slow
	}
	for ; l.stays < stays; l.stays++ {
		b.memory[l.stays+1].hold(l.held, l.bytes)
	}
	for ; l.stays > stays; l.stays-- {
		b.memory[l.stays].hold(-l.held, -l.bytes)
	}
}

// apply takes over a lane's subscription as it is now.
func (b *board) apply(l *lane, s *models.Subscription) {
	l.apply(s, b.senders)
	b.regard(l)
}

// free is the memory that the lane may have a part of.
func (b *board) free(l *lane) (jobs, bytes int) {
	jobs, bytes = math.MaxInt, math.MaxInt
	for p := quick; p <= l.stays; p++ {
		m := &b.memory[p]
		jobs, bytes = min(jobs, m.maxJobs-m.jobs), min(bytes, m.maxBytes-m.bytes)
	}
	return jobs, bytes
}

// room is how many jobs more the lane may hold.
func (b *board) room(l *lane) int {
	free, _ := b.free(l)
	bound := min(b.bound(l), max(free/share, modestRoom))
	return min(bound-l.held, free, l.rateRoom())
}

// byteRoom is how many jobs more the lane may hold by their bytes, if they are as large as its others. A lane that holds nothing may
// hold one, however large, where anything is free.
func (b *board) byteRoom(l *lane) int {
	_, free := b.free(l)
	if free < 1 {
		return 0
	}
	n := (free/share - l.bytes) / l.size
	if l.held == 0 {
		return max(n, 1)
	}
	return n
}

// bound is how many jobs the lane may hold at most while it does as well as now. Where those like it hold more than their part, as
// they do when many begin to hang at the same time, it is what may be in flight.
func (b *board) bound(l *lane) int {
	perSlot := l.tempo.perSlot()
	for p := untried; p <= l.stays; p++ {
		if b.memory[p].over() {
			perSlot = 1
		}
	}
	return min(b.maxPerLane, l.window.size*perSlot)
}

// fits reports whether so many bytes more may be held for the lane. The first of all always fits: a single large event must not
// wait for ever.
func (b *board) fits(l *lane, size int) bool {
	if b.memory[quick].jobs == 0 {
		return true
	}
	_, free := b.free(l)
	return size <= free && (l.bytes == 0 || l.bytes+size <= free/share)
}

// starve notes where a lane's claim is put off because a memory that it has a part of is full.
func (b *board) starve(l *lane) {
	for p := quick; p <= l.stays; p++ {
		m := &b.memory[p]
		m.starved = m.starved || m.full()
	}
}

// eased reports whether a claim that was put off has room now.
func (b *board) eased() bool {
	return b.memory[quick].eased() || b.memory[untried].eased() || b.memory[slow].eased()
}

// shed takes from the lane what it holds beyond its bound: retries first, the newest first.
func (b *board) shed(l *lane) (shed []models.Delivery) {
	for c := retries; c >= fresh; c-- {
		for l.queue[c].size > 0 && l.held > b.bound(l) {
			shed = append(shed, b.shedLast(l, c))
		}
	}
	return b.shedded(l, shed)
}

// shedBytes takes from the lane what it holds beyond its share of the bytes that others leave free, in the same order. One always stays.
func (b *board) shedBytes(l *lane) (shed []models.Delivery) {
	for c := retries; c >= fresh; c-- {
		for l.queue[c].size > 0 && l.held > 1 {
			if _, free := b.free(l); l.bytes <= (free+l.bytes)/share {
				break
			}
			shed = append(shed, b.shedLast(l, c))
		}
	}
	return b.shedded(l, shed)
}

func (b *board) shedLast(l *lane, c class) models.Delivery {
	j := l.queue[c].popLast()
	b.hold(l, -1, -len(j.Event.Data))
	return j.Delivery
}

// shedded notes that the database will hold what was shed.
func (b *board) shedded(l *lane, shed []models.Delivery) []models.Delivery {
	if len(shed) > 0 {
		b.mark(l.id, time.Time{})
		l.behind = true
	}
	return shed
}
