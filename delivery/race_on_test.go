//go:build race

package delivery

// raceEnabled scales the long simulations down where the race detector slows them.
const raceEnabled = true
