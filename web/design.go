package web

import (
	"time"

	"hookrouter/web/ui"
)

func (s *site) designRoutes() []route {
	return []route{{pattern: "GET " + root + "/design", who: members, page: s.design}}
}

// design shows every component, for those who build pages.
func (s *site) design(v *view) error {
	return v.render("Design", designPage(v))
}

// exampleChart is made-up numbers of an hour.
func exampleChart(now time.Time, stacked bool) ui.Chart {
	id := "d-chart"
	if stacked {
		id = "d-stacked"
	}
	c := ui.Chart{ID: id, Title: "Deliveries a minute", Stacked: stacked, Series: []ui.Series{{Label: "Delivered"}, {Label: "Failed"}}}
	for i := range 60 {
		c.Times = append(c.Times, now.Add(time.Duration(i-60)*time.Minute))
		c.Series[0].Values = append(c.Series[0].Values, float64(40+(i*7)%13+i/3))
		c.Series[1].Values = append(c.Series[1].Values, float64((i*5)%4))
	}
	return c
}

func examplePoints() []ui.Point {
	var points []ui.Point
	for i, ok := range []int{3, 5, 8, 2, 0, 9, 7, 4, 6, 8, 5, 9} {
		points = append(points, ui.Point{OK: ok, Failed: i % 4 / 3 * 2})
	}
	return points
}

func exampleSpans() []ui.Span {
	return []ui.Span{
		{Label: "dns", Time: 2 * time.Millisecond},
		{Label: "connect", Time: 11 * time.Millisecond},
		{Label: "tls", Time: 18 * time.Millisecond},
		{Label: "wait", Time: 62 * time.Millisecond},
		{Label: "read", Time: time.Millisecond},
	}
}
