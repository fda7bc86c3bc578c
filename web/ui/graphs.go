package ui

import (
	"strconv"
	"time"
)

// Span is a part of a time: of an attempt, for example, how long the connection took.
type Span struct {
	Label string
	Time  time.Duration
}

// bar is a rectangle of a drawing.
type bar struct{ x, y, width, height, class string }

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

// timingBars lays spans one after the other over a width of 1000. What took time is at least 4 wide, so that it can be seen.
func timingBars(spans []Span) []bar {
	var total time.Duration
	for _, s := range spans {
		total += s.Time
	}
	if total <= 0 {
		return nil
	}
	bars := make([]bar, 0, len(spans))
	x := 0.0
	for _, s := range spans {
		w := 0.0
		if s.Time > 0 {
			w = max(4, 1000*float64(s.Time)/float64(total))
		}
		bars = append(bars, bar{x: decimal(x), y: "0", width: decimal(w), height: "12"})
		x += w
	}
	return bars
}

// Point is one column of a sparkline: how many went well and how many did not.
type Point struct{ OK, Failed int }

// sparkBars lays points side by side over 112 by 24, failures on top.
func sparkBars(points []Point) []bar {
	most := 1
	for _, p := range points {
		most = max(most, p.OK+p.Failed)
	}
	step := 112 / float64(max(len(points), 1))
	var bars []bar
	for i, p := range points {
		y := 23.0
		for _, part := range []struct {
			n     int
			class string
		}{{p.OK, "ok"}, {p.Failed, "bad"}} {
			if part.n == 0 {
				continue
			}
			h := max(1.5, 22*float64(part.n)/float64(most))
			y -= h
			bars = append(bars, bar{decimal(float64(i)*step + .5), decimal(y), decimal(step - 1), decimal(h), part.class})
		}
	}
	return bars
}

// sparkText says what a sparkline shows.
func sparkText(points []Point) string {
	ok, failed := 0, 0
	for _, p := range points {
		ok, failed = ok+p.OK, failed+p.Failed
	}
	return strconv.Itoa(ok) + " delivered, " + strconv.Itoa(failed) + " failed"
}

// Series is a line of a chart.
type Series struct {
	Label  string
	Values []float64
}

// Chart is lines over time. Each series has a value for each of Times.
type Chart struct {
	ID     string
	Title  string
	Times  []time.Time
	Series []Series
	// Stacked draws the series as bars on top of each other, for what adds up; otherwise they are lines.
	Stacked bool
	// UTC keeps the times in it, for days that begin there; otherwise they are in the reader's zone.
	UTC bool
}

func (c Chart) kind() string {
	if c.Stacked {
		return "stacked"
	}
	return "lines"
}

func (c Chart) value(s Series, i int) string {
	if i >= len(s.Values) {
		return ""
	}
	return strconv.FormatFloat(s.Values[i], 'f', -1, 64)
}
