package ui

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
)

// parallel is a chart of parallel coordinates (Inselberg 1985): an axis for each
// param that differs and for the first metrics, a line for each run.
type parallel struct {
	Axes  []parallelAxis
	Lines []parallelLine
	Width float64
}

type parallelAxis struct {
	X      float64
	Name   string
	Labels []axisLabel
}

type axisLabel struct {
	Y    float64
	Text string
}

type parallelLine struct {
	Path, Title, Href string
	Series            int
}

// The box of the drawing, in units of its view box.
const (
	axisGap    = 150
	axisTop    = 34.0
	axisBottom = 250.0
	axisLeft   = 70.0
	axesMost   = 9
)

func parallelOf(d *compareData) *parallel {
	if len(d.Runs) < 2 {
		return nil
	}
	p := &parallel{}
	var places []map[string]float64 // of each axis: where a run's value stands
	add := func(name string, numbers map[string]float64, words map[string]string) {
		if len(p.Axes) == axesMost {
			return
		}
		axis := parallelAxis{X: axisLeft + axisGap*float64(len(p.Axes)), Name: name}
		at := map[string]float64{}
		if numbers != nil {
			low, high := math.Inf(1), math.Inf(-1)
			for _, v := range numbers {
				low, high = min(low, v), max(high, v)
			}
			if low > high {
				return
			}
			scale := func(v float64) float64 {
				if low == high {
					return (axisTop + axisBottom) / 2
				}
				return axisBottom - (v-low)/(high-low)*(axisBottom-axisTop)
			}
			for id, v := range numbers {
				at[id] = scale(v)
			}
			axis.Labels = append(axis.Labels, axisLabel{scale(low), number(low)})
			if high > low {
				axis.Labels = append(axis.Labels, axisLabel{scale(high), number(high)})
			}
		} else {
			var values []string
			for _, v := range words {
				values = append(values, v)
			}
			slices.Sort(values)
			values = slices.Compact(values)
			step := (axisBottom - axisTop) / float64(max(1, len(values)-1))
			for id, v := range words {
				at[id] = axisBottom - step*float64(slices.Index(values, v))
			}
			for i, v := range values {
				if len(values) <= 12 {
					axis.Labels = append(axis.Labels, axisLabel{axisBottom - step*float64(i), clip(14, v)})
				}
			}
		}
		p.Axes, places = append(p.Axes, axis), append(places, at)
	}
	for _, row := range d.Params {
		if !row.Diff || len(p.Axes) >= axesMost-2 {
			continue
		}
		words, numbers := map[string]string{}, map[string]float64{}
		for i := range d.Runs {
			v, ok := registry.Value(d.Runs[i].Params, row.Name)
			if !ok {
				continue
			}
			words[d.Runs[i].ID] = v
			if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
				numbers[d.Runs[i].ID] = f
			}
		}
		if len(numbers) == len(words) {
			add(row.Name, numbers, nil)
		} else {
			add(row.Name, nil, words)
		}
	}
	metrics := 0
	for _, key := range d.Keys {
		if telling(key) > 3 && metrics > 0 || metrics == 3 {
			break
		}
		if numbers := d.valuesOf(key); len(numbers) > 0 {
			add(key, numbers, nil)
			metrics++
		}
	}
	if len(p.Axes) < 2 {
		return nil
	}
	for i := range d.Runs {
		var b strings.Builder
		pen := "M"
		for j, axis := range p.Axes {
			y, ok := places[j][d.Runs[i].ID]
			if !ok {
				pen = "M"
				continue
			}
			fmt.Fprintf(&b, "%s%.0f %.1f", pen, axis.X, y)
			pen = "L"
		}
		p.Lines = append(p.Lines, parallelLine{b.String(), d.Runs[i].Label, "/runs/" + d.Runs[i].ID, d.Runs[i].Series})
	}
	p.Width = 2*axisLeft + axisGap*float64(len(p.Axes)-1)
	return p
}

// valuesOf are the finite values of a metric by run.
func (d *compareData) valuesOf(key string) map[string]float64 {
	out := map[string]float64{}
	for i := range d.Runs {
		v, ok := d.valueOf(i, key)
		if ok {
			out[d.Runs[i].ID] = v
		}
	}
	return out
}

// valueOf reads a metric, or a param that is a number.
func (d *compareData) valueOf(i int, key string) (float64, bool) {
	v := math.NaN()
	if name, ok := strings.CutPrefix(key, "params."); ok {
		text, _ := registry.Value(d.Runs[i].Params, name)
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			v = f
		}
	} else if m, ok := metricOf(d.Runs[i].Metrics, key); ok {
		v = m.Value
	}
	return v, !math.IsNaN(v) && !math.IsInf(v, 0)
}

// scatter is a plot of two values of each run.
type scatter struct {
	Dots   []scatterDot
	XTicks []axisLabel // Y is a place along the axis
	YTicks []axisLabel
}

type scatterDot struct {
	X, Y        float64
	Title, Href string
	Series      int
}

// scatterOf plots the runs by two metrics or numeric params, chosen by the
// address or the first that are there.
func (d *compareData) scatterOf() {
	var axes []string
	for _, row := range d.Params {
		numeric := false
		for i := range d.Runs {
			if _, ok := d.valueOf(i, "params."+row.Name); ok {
				numeric = true
			}
		}
		if numeric && row.Diff {
			axes = append(axes, "params."+row.Name)
		}
	}
	axes = append(axes, d.Keys[:min(100, len(d.Keys))]...)
	d.Keys = axes
	if len(d.Runs) < 3 || len(axes) < 2 {
		return
	}
	if !slices.Contains(axes, d.X) {
		d.X = axes[0]
	}
	if !slices.Contains(axes, d.Y) {
		d.Y = axes[1]
		for _, k := range axes {
			if !strings.HasPrefix(k, "params.") && k != d.X {
				d.Y = k
				break
			}
		}
	}
	xs, ys := map[int]float64{}, map[int]float64{}
	for i := range d.Runs {
		x, okX := d.valueOf(i, d.X)
		y, okY := d.valueOf(i, d.Y)
		if okX && okY {
			xs[i], ys[i] = x, y
		}
	}
	if len(xs) == 0 {
		return
	}
	const left, right, top, bottom = 60.0, 620.0, 12.0, 250.0
	scaleX, tickX := linear(xs, left, right)
	scaleY, tickY := linear(ys, bottom, top)
	d.Scatter = &scatter{XTicks: tickX, YTicks: tickY}
	for i := range d.Runs {
		if x, ok := xs[i]; ok {
			d.Scatter.Dots = append(d.Scatter.Dots, scatterDot{scaleX(x), scaleY(ys[i]),
				d.Runs[i].Label + ": " + number(x) + ", " + number(ys[i]), "/runs/" + d.Runs[i].ID, d.Runs[i].Series})
		}
	}
}

// linear maps the values to a span, with a margin, and gives five ticks.
func linear(values map[int]float64, from, to float64) (func(float64) float64, []axisLabel) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	margin := (high - low) * 0.06
	if margin == 0 {
		margin = max(math.Abs(high)*0.1, 0.1)
	}
	low, high = low-margin, high+margin
	scale := func(v float64) float64 { return from + (v-low)/(high-low)*(to-from) }
	var ticks []axisLabel
	for i := range 5 {
		v := low + (high-low)*float64(i)/4
		ticks = append(ticks, axisLabel{scale(v), number(roundTo(v, (high-low)/100))})
	}
	return scale, ticks
}

// roundTo drops the digits of v that are smaller than a unit.
func roundTo(v, unit float64) float64 {
	if unit <= 0 {
		return v
	}
	scale := math.Pow(10, math.Ceil(-math.Log10(unit)))
	return math.Round(v*scale) / scale
}
