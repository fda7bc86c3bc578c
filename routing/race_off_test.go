//go:build !race

package routing

// raceEnabled scales the long tests down where the race detector makes them ten times slower.
const raceEnabled = false
