package registry

import (
	"cmp"
	"context"
	"slices"
)

// HistorySampled returns points of several runs at the same steps, as MLflow's
// charts want them: of all steps in first..last that any of the runs has, about
// limit in even distance, and of each run its first and last step and those of
// its least and greatest value.
func (r *Registry) HistorySampled(ctx context.Context, ids []string, key string, first, last int64, limit int) (map[string][]Metric, error) {
	all := make([][]point, len(ids))
	var steps []int64
	for i, id := range ids {
		var err error
		if all[i], err = r.pointsBetween(ctx, id, key, first, last); err != nil {
			return nil, err
		}
		steps = slices.Grow(steps, len(all[i]))
		for _, p := range all[i] {
			steps = append(steps, p.step)
		}
	}
	slices.Sort(steps)
	steps = slices.Compact(steps)
	keep := func(int64) bool { return true }
	if len(steps) > limit {
		var wanted []int64
		for i := 0; i < len(steps); i += max(1, len(steps)/limit) {
			wanted = append(wanted, steps[i])
		}
		for _, list := range all {
			for _, p := range extremes(list) {
				wanted = append(wanted, p.step)
			}
		}
		slices.Sort(wanted)
		keep = func(step int64) bool { _, found := slices.BinarySearch(wanted, step); return found }
	}
	out := make(map[string][]Metric, len(ids))
	for i, id := range ids {
		list := slices.DeleteFunc(all[i], func(p point) bool { return !keep(p.step) })
		out[id] = metrics(key, list)
	}
	return out, nil
}

func metrics(key string, list []point) []Metric {
	out := make([]Metric, len(list))
	for i, p := range list {
		out[i] = p.metric(key)
	}
	return out
}

// extremes are the first, last, least and greatest of a list.
func extremes(list []point) []point {
	if len(list) == 0 {
		return nil
	}
	low, high := list[0], list[0]
	for _, p := range list {
		if p.below(low) {
			low = p
		}
		if p.above(high) {
			high = p
		}
	}
	return []point{list[0], list[len(list)-1], low, high}
}

// below and above compare values; anything is below and above NaN.
func (p point) below(q point) bool { return !p.nan && (q.nan || p.value < q.value) }
func (p point) above(q point) bool { return !p.nan && (q.nan || p.value > q.value) }

// HistoryInterval returns the points of a series with first <= step <= last,
// by step and time, at most about limit of them: where there are more, the
// series is cut into runs of equal length, of which the least and the greatest
// value stay, so that no peak vanishes from a chart. The first and the last
// point are always there.
func (r *Registry) HistoryInterval(ctx context.Context, id, key string, first, last int64, limit int) ([]Metric, error) {
	list, err := r.pointsBetween(ctx, id, key, first, last)
	return metrics(key, thin(list, limit)), err
}

// pointsBetween returns the points of a series with first <= step <= last, by
// step, time and value.
func (r *Registry) pointsBetween(ctx context.Context, id, key string, first, last int64) (list []point, err error) {
	err = r.view(ctx, func(t *tx) error {
		series, err := seriesOf(t, id, key)
		if err != nil || series == 0 {
			return err
		}
		var packed int // growing step by step would take most of the time
		if err := t.row("SELECT coalesce(sum(n), 0) FROM blocks WHERE series = ?", series).Scan(&packed); err != nil {
			return err
		}
		list = make([]point, 0, packed)
		return eachOf(t, series, 0, func(p point) (bool, error) {
			if first <= p.step && p.step <= last {
				list = append(list, p)
			}
			return true, nil
		})
	})
	byStep := func(p, q point) int { return cmp.Or(cmp.Compare(p.step, q.step), p.compare(q)) }
	if !slices.IsSortedFunc(list, byStep) { // most series are
		slices.SortFunc(list, byStep)
	}
	return list, err
}

// thin keeps the least and greatest of each of limit/2 parts, in order.
func thin(list []point, limit int) []point {
	if len(list) <= limit || limit < 4 {
		return list[:min(len(list), max(limit, 0))]
	}
	parts := limit/2 - 1 // the ends take two
	kept := append(make([]point, 0, limit), list[0])
	inner := list[1 : len(list)-1]
	for i := range parts {
		part := inner[i*len(inner)/parts : (i+1)*len(inner)/parts]
		low, high := 0, 0
		for j, p := range part {
			if p.below(part[low]) {
				low = j
			}
			if p.above(part[high]) {
				high = j
			}
		}
		kept = append(kept, part[min(low, high)])
		if low != high {
			kept = append(kept, part[max(low, high)])
		}
	}
	return append(kept, list[len(list)-1])
}
