package handlers

import (
	"sync"
	"time"

	"hookrouter/models"
)

// maxSightings bounds the notes. Failure policy: beyond it some key is forgotten, and publishing with it shows full windows, because
// a caller with many keys must not fill the memory; 4096 notes are about 400 KiB.
const maxSightings = 4096

// sightings remember the counts that the store gave for a key last, for answers that must not ask it. Other instances count too, so
// the truth may be further on, never less far.
type sightings struct {
	mu   sync.RWMutex
	keys map[models.ID]sighting
}

// sighting is the counts and the numbers of the minute and hour, since 1970, that they are of.
type sighting struct {
	used   usage
	window [2]int64
}

func newSightings() *sightings { return &sightings{keys: make(map[models.ID]sighting)} }

func windowsAt(now time.Time) [2]int64 { return [2]int64{now.Unix() / 60, now.Unix() / 3600} }

// put notes the counts. Those of calls that ran side by side may come in any order: in one window the largest is the latest.
func (s *sightings) put(key models.ID, used usage, now time.Time) {
	windows := windowsAt(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	note, known := s.keys[key]
	if !known && len(s.keys) >= maxSightings {
		for other := range s.keys { // any one: an order of use would cost every call
			delete(s.keys, other)
			break
		}
	}
	for i, n := range used {
		switch {
		case !known || windows[i] > note.window[i]:
			note.used[i], note.window[i] = n, windows[i]
		case windows[i] == note.window[i]:
			note.used[i] = max(note.used[i], n)
		}
	}
	s.keys[key] = note
}

// get returns what was noted of a key. Of a window that has passed, and of a key that was never seen, that is nothing.
func (s *sightings) get(key models.ID, now time.Time) usage {
	s.mu.RLock()
	note := s.keys[key]
	s.mu.RUnlock()
	for i, window := range windowsAt(now) {
		if note.window[i] != window {
			note.used[i] = 0
		}
	}
	return note.used
}
