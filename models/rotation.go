package models

import "time"

// MaxOverlap is the longest time for which an old and a new secret are both in use around an activation.
const MaxOverlap = 7 * 24 * time.Hour

// Rotation is the exchange of a subscription's secret. Time alone decides where it stands, so that nothing has to happen at a moment:
//
//	before ActivatesAt        the old secret signs, the new one beside it as the next
//	ActivatesAt until EndsAt  the new secret signs, the old one beside it as the previous
//	from EndsAt on            the new secret signs alone; the old one is to be forgotten (see [Subscription.Settle])
//
// The old secret is the subscription's Secret until the rotation is settled. The zero value is no rotation. Neither is one that was canceled, of
// which the generation stays: receivers and people were told it, so no other secret may have it.
type Rotation struct {
	Secret      Secret // the new one
	Generation  int    // of the new one, or of one that was canceled
	ActivatesAt time.Time
	EndsAt      time.Time
}

// Signing is what signs the calls of one moment.
type Signing struct {
	Current    Secret
	Generation int    // of Current: 0 for a subscription's first secret
	Next       Secret // zero unless one waits for its activation
	Previous   Secret // zero unless one is being phased out
}

// IsZero reports whether no rotation is going on.
func (r *Rotation) IsZero() bool { return r.EndsAt.IsZero() }

// Waiting reports whether the new secret is still to be activated at now.
func (r *Rotation) Waiting(now time.Time) bool { return !r.IsZero() && now.Before(r.ActivatesAt) }

// Over reports whether the old secret signs nothing any more at now.
func (r *Rotation) Over(now time.Time) bool { return !r.IsZero() && !now.Before(r.EndsAt) }

// Signing says which secrets sign at now. Every instance that knows the same state of the subscription says the same.
func (s *Subscription) Signing(now time.Time) Signing {
	r := &s.Rotation
	switch {
	case r.IsZero():
		return Signing{Current: s.Secret, Generation: s.SecretGeneration}
	case r.Waiting(now):
		return Signing{Current: s.Secret, Generation: s.SecretGeneration, Next: r.Secret}
	case r.Over(now):
		return Signing{Current: r.Secret, Generation: r.Generation}
	default:
		return Signing{Current: r.Secret, Generation: r.Generation, Previous: s.Secret}
	}
}

// Rotate lets next wait for overlap, then sign, and the present secret sign beside it for as long again. An overlap of 0 replaces the
// secret at once and forgets every other one: what one does when it has leaked. A next secret that waits already is replaced. While
// a previous one is being phased out, its receivers count on its end, so the code is conflict unless overlap is 0.
func (s *Subscription) Rotate(next Secret, overlap time.Duration, now time.Time) error {
	s.Settle(now)
	generation := s.newestGeneration() + 1
	if overlap == 0 {
		s.Secret, s.SecretGeneration, s.Rotation = next, generation, Rotation{}
		return nil
	}
	if !s.Rotation.IsZero() && !s.Rotation.Waiting(now) {
		return Errorf(CodeConflict,
			"The previous secret is in use until %s. Wait for that, end it now with finish_rotation, or rotate with an overlap of 0.",
			s.Rotation.EndsAt.UTC().Format(time.RFC3339))
	}
	at := now.Add(overlap)
	s.Rotation = Rotation{Secret: next, Generation: generation, ActivatesAt: at, EndsAt: at.Add(overlap)}
	return nil
}

// Activate makes the waiting secret sign from now on, and the old one beside it for the overlap. The code is conflict where none waits.
func (s *Subscription) Activate(now time.Time) error {
	s.Settle(now)
	r := &s.Rotation
	if !r.Waiting(now) {
		return Errorf(CodeConflict, "There is no next secret to activate.")
	}
	overlap := r.EndsAt.Sub(r.ActivatesAt)
	r.ActivatesAt, r.EndsAt = now, now.Add(overlap)
	return nil
}

// CancelRotation takes the waiting secret back: the current one goes on signing, alone. The code is conflict where none waits. One that was
// activated is not taken back, because its receivers may know it alone by now, and time activates by itself: whoever is late by a moment must not
// lose the other secret than the one that was meant.
func (s *Subscription) CancelRotation(now time.Time) error {
	s.Settle(now)
	r := &s.Rotation
	switch {
	case r.IsZero():
		return Errorf(CodeConflict, "There is no rotation to cancel.")
	case !r.Waiting(now):
		return Errorf(CodeConflict, "The new secret signs since %s, so the rotation can't be canceled any more. "+
			"To have the previous one end now call finish_rotation; to replace the new one at once call rotate_secret with an overlap of 0.",
			r.ActivatesAt.UTC().Format(time.RFC3339))
	}
	s.Rotation = Rotation{Generation: r.Generation}
	return nil
}

// FinishRotation ends the overlap: the previous secret signs nothing from now on and is forgotten. The code is conflict where none is being
// phased out, also where the next one still waits: nobody may find that a call dropped the secret that the receivers have.
func (s *Subscription) FinishRotation(now time.Time) error {
	s.Settle(now)
	r := &s.Rotation
	switch {
	case r.IsZero():
		return Errorf(CodeConflict, "There is no previous secret to end.")
	case r.Waiting(now):
		return Errorf(CodeConflict,
			"The next secret still waits. Make it the current one with activate_secret first, or take it back with cancel_rotation.")
	}
	r.EndsAt = now
	s.Settle(now)
	return nil
}

// Begin gives a secret to a subscription that has none. It is another one than none where calls were made without: they are counted apart,
// and the history tells it by the generation. A next one that waits keeps its own.
func (s *Subscription) Begin(secret Secret) {
	if s.Version > 0 && s.Rotation.IsZero() {
		s.SecretGeneration, s.Rotation = s.newestGeneration()+1, Rotation{}
	}
	s.Secret = secret
}

// Settle forgets the old secret of a rotation that is over at now, and reports whether there was one.
func (s *Subscription) Settle(now time.Time) bool {
	if !s.Rotation.Over(now) {
		return false
	}
	s.Secret, s.SecretGeneration, s.Rotation = s.Rotation.Secret, s.Rotation.Generation, Rotation{}
	return true
}

// newestGeneration is that of the youngest secret the subscription has, or had while it waited.
func (s *Subscription) newestGeneration() int { return max(s.SecretGeneration, s.Rotation.Generation) }

// SecretUse counts attempts by the secret that signed them as the current one, among a subscription's newest deliveries.
type SecretUse struct {
	Generation int
	Attempts   int
	Succeeded  int
	LastAt     time.Time // when the last of them started
}
