package ui

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"pipe/registry"
)

// ganttView shows when the stages of a run worked. Lengths are in thousandths
// of the whole, so that the page can stretch the drawing.
type ganttView struct {
	Rows  []ganttRow
	Ticks []ganttTick
	Total string
}

type ganttRow struct {
	Name, State, Took, Href, Title string
	X, W                           float64
}

type ganttTick struct {
	X     float64
	Label string
}

// gantt takes the times of the stages that worked, in the order in which they
// began. What was found in the store took no time and has no bar.
func gantt(d *runData, now time.Time) *ganttView {
	var worked []registry.Stage
	for _, st := range d.Stages {
		if !st.Started.IsZero() && (st.State == registry.StageDone || st.State == registry.StageFailed || st.State == registry.StageRunning) {
			worked = append(worked, st)
		}
	}
	if len(worked) == 0 {
		return nil
	}
	slices.SortStableFunc(worked, func(a, b registry.Stage) int { return a.Started.Compare(b.Started) })
	begin, end := worked[0].Started, worked[0].Started
	ended := func(st registry.Stage) time.Time {
		if st.Finished.IsZero() {
			if !d.End.IsZero() {
				return d.End
			}
			return now
		}
		return st.Finished
	}
	for _, st := range worked {
		if e := ended(st); e.After(end) {
			end = e
		}
	}
	whole := max(end.Sub(begin), time.Millisecond)
	at := func(t time.Time) float64 { return 1000 * float64(t.Sub(begin)) / float64(whole) }
	v := &ganttView{Total: duration(whole)}
	const most = 300
	for _, st := range worked[:min(most, len(worked))] {
		took := ended(st).Sub(st.Started)
		v.Rows = append(v.Rows, ganttRow{
			Name: st.Name, State: string(st.State), Took: duration(took), Href: "/runs/" + d.ID + "/stages/" + url.PathEscape(st.Name),
			Title: st.Name + ": " + duration(took) + ", from " + duration(st.Started.Sub(begin)),
			X:     at(st.Started), W: max(2, at(ended(st))-at(st.Started)),
		})
	}
	for i := range 5 {
		v.Ticks = append(v.Ticks, ganttTick{float64(i) * 250, duration(whole * time.Duration(i) / 4)})
	}
	return v
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
