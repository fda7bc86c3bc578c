package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"hookrouter/web/ui"
)

// terms are how a subscription is called beyond where and for what. Of headers there are the names alone: their values may be secrets.
func (w *webhook) terms() []header {
	retries := "for days where a call fails"
	if !w.AutoRetry {
		retries = "none, but once after a first timeout"
	}
	names := make([]string, 0, len(w.Headers))
	for name := range w.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	list := []header{{"Retries", retries}, {"Headers", orWords(strings.Join(names, ", "), "none of its own")}}
	wait := func(ms *int64) string {
		if ms == nil {
			return "the installation's"
		}
		return ui.Duration(time.Duration(*ms) * time.Millisecond)
	}
	inFlight, rate := "the installation's", "no limit"
	if w.MaxInFlight != nil {
		inFlight = strconv.Itoa(*w.MaxInFlight)
	}
	if w.RatePerSec != nil {
		rate = strconv.FormatFloat(*w.RatePerSec, 'f', -1, 64)
	}
	return append(list, header{"Timeout, first call", wait(w.TimeoutFirst)}, header{"Timeout, retries", wait(w.TimeoutRetry)},
		header{"Calls at a time", inFlight}, header{"Calls a second", rate})
}
