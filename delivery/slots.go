package delivery

// slots are the calls that an instance may have in flight, and the rules of who may take one. A call can't be taken back once it is
// made, so what receivers that hang may hold is bounded beforehand: slow lanes share one half of the slots, these and lanes not yet
// tried three quarters, and the rest is always there for those that are quick. Where both sides of a competition have work, the one that
// stands behind keeps a tenth: retries against fresh deliveries, and all other lanes against quick ones.
type slots struct {
	max   int
	taken [classes][paces]int // by the class of the delivery, and the pace of the lane when the call began
}

// room is how many calls more may start now for lanes of this pace with deliveries of this class.
func (s *slots) room(c class, p pace) int {
	tenth, all := max(s.max/10, 1), s.of(fresh)+s.of(retries)
	room := s.max - all
	if c == fresh {
		room = min(room, s.max-tenth-s.of(fresh))
	} else { // they last up to ten times as long
		room = min(room, part(s.max, 1, 2)-s.of(retries))
	}
	switch {
	case p == quick && c == fresh:
		return min(room, max(s.max-2*tenth, 1)-s.taken[fresh][quick])
	case p == quick:
		return room
	case p == slow:
		room = min(room, part(s.max, 1, 2)-s.taken[fresh][slow]-s.taken[retries][slow])
		if c == retries { // so that first attempts find room in the half of the slow, and quick lanes in the tenth of the retries
			room = min(room, part(s.max, 1, 4)-s.taken[retries][slow], s.max-tenth/2-all)
		}
	}
	return min(room, part(s.max, 3, 4)-all+s.taken[fresh][quick]+s.taken[retries][quick])
}

// fair reports whether a lane with so many calls in flight may start another where there is this much room. A lane's first call needs
// a free slot; for a further one, more must be free than the lane has. So lanes that fill their windows, or begin to hang, all at the same
// time still leave room for the next one: each takes the less the more of them there are.
func fair(inFlight, room int) bool { return room > inFlight }

func (s *slots) of(c class) (n int) {
	for _, taken := range s.taken[c] {
		n += taken
	}
	return n
}

// part is a fraction of the whole, at least 1.
func part(whole, numerator, denominator int) int { return max(whole*numerator/denominator, 1) }
