package delivery

import (
	"time"

	"hookrouter/models"
)

// pace says how long a lane's calls hold what they use, as far as is known. It is about time alone: a receiver that refuses everything
// at once is quick. Lanes of a later pace stand behind those of an earlier one and share what is left to them.
type pace int

const (
	quick   pace = iota // calls end soon
	untried             // none has ended yet
	slow                // calls take long or time out
	paces               // how many there are
)

// longCall is what one call counts for at most: a retry may hang ten times as long as a first attempt, and should not take ten times as
// many good answers to be forgiven.
const longCall = 2 * fastAnswer

// tempo learns a receiver's pace.
type tempo struct {
	known bool
	usual time.Duration // of a call; the last one counts for half
}

// observe learns from an attempt. A timeout says at once what it says, because each further one would hold a slot for as long again;
// of answers that are merely late it takes two in a row, and to be quick again after a timeout two quick ones.
func (t *tempo) observe(a *models.Attempt) {
	took := min(a.Timings.Total, longCall)
	if !t.known || a.Reason == models.ReasonTimeout {
		t.usual = took
	} else {
		t.usual = (t.usual + took) / 2
	}
	t.known = true
}

func (t *tempo) pace() pace {
	switch {
	case !t.known:
		return untried
	case t.usual >= fastAnswer:
		return slow
	}
	return quick
}

// Bounds of what a lane may hold for each slot of its window: enough that a lane never runs dry between two claims, and no more than it
// sends in about a second, because memory that is held for longer is missing elsewhere.
const (
	leastPerSlot = 2
	mostPerSlot  = 16
)

// perSlot is how many jobs the lane may hold for each slot of its window.
func (t *tempo) perSlot() int {
	if t.usual <= 0 {
		return mostPerSlot
	}
	return min(max(int(time.Second/t.usual), leastPerSlot), mostPerSlot)
}
