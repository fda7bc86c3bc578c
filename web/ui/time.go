package ui

import (
	"fmt"
	"time"
)

// Ago is how long before now something was, or how long after it will be, in one unit: what a reader wants to know first.
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	ahead := d < 0
	if ahead {
		d = -d
	}
	n, unit := int(d/time.Second), "s"
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
	case d < time.Hour:
		n, unit = int(d/time.Minute), "min"
	case d < 48*time.Hour:
		n, unit = int(d/time.Hour), "h"
	default:
		n, unit = int(d/(24*time.Hour)), "days"
	}
	if ahead {
		return fmt.Sprintf("in %d %s", n, unit)
	}
	return fmt.Sprintf("%d %s ago", n, unit)
}

// Exact is an instant with its zone, as it is shown where nothing knows the reader's.
func Exact(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// Machine is an instant for the datetime attribute.
func Machine(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Duration is a time span in the unit that keeps it short.
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d/time.Microsecond)
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour && d%time.Hour >= time.Minute:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
