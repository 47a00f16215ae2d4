package registry

import (
	"context"
	"math"
	"slices"
)

// HistorySampled returns points of several runs at the same steps, as MLflow's
// charts want them: of all steps in first..last that any of the runs has, about
// limit in even distance, and of each run its first and last step and those of
// its least and greatest value.
func (r *Registry) HistorySampled(ctx context.Context, ids []string, key string, first, last int64, limit int) (map[string][]Metric, error) {
	all := make(map[string][]Metric, len(ids))
	var steps []int64
	for _, id := range ids {
		list, err := r.HistoryInterval(ctx, id, key, first, last, math.MaxInt)
		if err != nil {
			return nil, err
		}
		all[id] = list
		for _, m := range list {
			steps = append(steps, m.Step)
		}
	}
	slices.Sort(steps)
	steps = slices.Compact(steps)
	if len(steps) <= limit {
		return all, nil
	}
	wanted := make(map[int64]bool)
	for i := 0; i < len(steps); i += max(1, len(steps)/limit) {
		wanted[steps[i]] = true
	}
	for _, list := range all {
		for _, m := range extremes(list) {
			wanted[m.Step] = true
		}
	}
	for id, list := range all {
		all[id] = slices.DeleteFunc(list, func(m Metric) bool { return !wanted[m.Step] })
	}
	return all, nil
}

// extremes are the first, last, least and greatest of a list.
func extremes(list []Metric) []Metric {
	if len(list) == 0 {
		return nil
	}
	low, high := list[0], list[0]
	for _, m := range list {
		if m.Value < low.Value || math.IsNaN(low.Value) {
			low = m
		}
		if m.Value > high.Value || math.IsNaN(high.Value) {
			high = m
		}
	}
	return []Metric{list[0], list[len(list)-1], low, high}
}

// HistoryInterval returns the points of a series with first <= step <= last,
// by step and time, at most about limit of them: where there are more, the
// series is cut into runs of equal length, of which the least and the greatest
// value stay, so that no peak vanishes from a chart. The first and the last
// point are always there.
func (r *Registry) HistoryInterval(ctx context.Context, id, key string, first, last int64, limit int) (list []Metric, err error) {
	err = r.view(ctx, func(t *tx) error {
		series, err := seriesOf(t, id, key)
		if err != nil || series == 0 {
			return err
		}
		rows, err := t.query(`SELECT step, time, value, nan FROM points WHERE series = ? AND step BETWEEN ? AND ? ORDER BY step, time, value`,
			series, first, last)
		if list, err = points(key, rows, err); err == nil {
			list = thin(list, limit)
		}
		return err
	})
	return list, err
}

// thin keeps the least and greatest of each of limit/2 parts, in order.
func thin(list []Metric, limit int) []Metric {
	if len(list) <= limit || limit < 4 {
		return list[:min(len(list), max(limit, 0))]
	}
	parts := limit/2 - 1 // the ends take two
	kept := append(make([]Metric, 0, limit), list[0])
	inner := list[1 : len(list)-1]
	for i := range parts {
		part := inner[i*len(inner)/parts : (i+1)*len(inner)/parts]
		low, high := 0, 0
		for j, m := range part {
			if m.Value < part[low].Value || math.IsNaN(part[low].Value) {
				low = j
			}
			if m.Value > part[high].Value || math.IsNaN(part[high].Value) {
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
