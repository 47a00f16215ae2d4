package monitor

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"pipe/stages/drift"
)

// Limits say from where on a feature has drifted.
type Limits struct {
	// PSI is a feature's population stability index.
	PSI float64 `json:"psi"`
	// Change is by how much the share of missing values, of new categories or of
	// unknown tokens may rise or fall.
	Change float64 `json:"change"`
	// MinRows is how many rows a window needs before it is judged.
	MinRows int64 `json:"min_rows"`
}

// significance is how improbable a difference must be in data that have not moved:
// a limit that few rows pass by chance raises no alarm.
const significance = 0.001

// Status compares a window with the profile.
type Status struct {
	WindowSeconds float64 `json:"window_seconds"`
	Limits        Limits  `json:"limits"`
	// ProfileRows and JudgedRows are those of the profile.
	ProfileRows int64 `json:"profile_rows"`
	JudgedRows  int64 `json:"judged_rows"`
	// Rows are those in the window. Enough tells whether they are judged.
	Rows    int64     `json:"rows"`
	Enough  bool      `json:"enough"`
	Since   time.Time `json:"since,omitzero"` // when the first row came, zero before
	Drifted int       `json:"drifted"`
	// PSIMax is the largest index of any feature, and the two below those of what
	// comes in and what goes out.
	PSIMax           float64          `json:"psi_max"`
	InputPSIMax      float64          `json:"input_psi_max"`
	PredictionPSIMax float64          `json:"prediction_psi_max"`
	Features         []*FeatureStatus `json:"features"`
	History          History          `json:"history"`
}

// FeatureStatus compares one feature. The fields of drift.Result are as in the
// report of the kind drift; its kind is that of Feature.
type FeatureStatus struct {
	drift.Result
	Role   Role   `json:"role"`
	Column string `json:"column,omitempty"`
	Of     string `json:"of"`
	// Rate and ReferenceRate are of the unknown tokens.
	Rate          *float64 `json:"rate,omitempty"`
	ReferenceRate *float64 `json:"reference_rate,omitempty"`
	// History has a value for each time of the status's history: the index, or the
	// rate; null where there were too few rows.
	History []*float64 `json:"history"`
}

// History is what was at the end of each part of a window, the oldest first.
type History struct {
	Times   []int64 `json:"times"` // seconds since 1970
	Rows    []int64 `json:"rows"`  // that came in the part
	Drifted []int64 `json:"drifted"`
}

// historyPoints bounds the history.
const historyPoints = 288

// history is History with the features' points: points[i] has one for each feature.
type history struct {
	History
	points [][]float32 // NaN: too few rows
}

// point ends a slot: end is the one that follows it. With the lock held.
func (w *Window) point(end int64) {
	h := &w.history
	_, enough := w.total()
	drifted := int64(0)
	values := make([]float32, len(w.all))
	for i, l := range w.all {
		values[i] = float32(math.NaN())
		if !enough {
			continue
		}
		f := w.compare(l, false)
		if f.Drifted {
			drifted++
		}
		if v := f.figure(); v != nil {
			values[i] = float32(*v)
		}
	}
	h.Times = append(h.Times, end*int64(w.span/slots)/int64(time.Second))
	h.Rows = append(h.Rows, w.rows[(end-1)%slots])
	h.Drifted = append(h.Drifted, drifted)
	h.points = append(h.points, values)
	if over := len(h.Times) - historyPoints; over > 0 {
		h.Times, h.Rows, h.Drifted, h.points = h.Times[over:], h.Rows[over:], h.Drifted[over:], h.points[over:]
	}
}

// figure is what the history of a feature shows.
func (f *FeatureStatus) figure() *float64 { return cmp.Or(f.Rate, f.PSI) }

func (w *Window) total() (rows int64, enough bool) {
	for _, n := range w.rows {
		rows += n
	}
	return rows, rows >= w.limits.MinRows
}

// Status compares what came up to now. With whole, features have their bins and
// their history.
func (w *Window) Status(now time.Time, whole bool) *Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.slot != 0 {
		w.move(now)
	}
	s := &Status{WindowSeconds: w.span.Seconds(), Limits: w.limits, ProfileRows: w.profile.Rows, JudgedRows: w.profile.Judged, Since: w.begun.UTC(), Features: []*FeatureStatus{}}
	s.Rows, s.Enough = w.total()
	for i, l := range w.all {
		f := w.compare(l, whole)
		if f.Drifted = f.Drifted && s.Enough; f.Drifted {
			s.Drifted++
		} else {
			f.Why = nil
		}
		if f.PSI != nil {
			of := &s.InputPSIMax
			if l.Role == Prediction {
				of = &s.PredictionPSIMax
			}
			*of = max(*of, *f.PSI)
		}
		if whole {
			f.History = w.history.of(i)
		}
		s.Features = append(s.Features, f)
	}
	s.PSIMax = max(s.InputPSIMax, s.PredictionPSIMax)
	if whole {
		h := w.history.History
		s.History = History{append([]int64{}, h.Times...), append([]int64{}, h.Rows...), append([]int64{}, h.Drifted...)}
	}
	return s
}

// Beyond returns the feature that passes a limit of the index by the most, where
// that is no chance; nil for none.
func (s *Status) Beyond(psi float64) (worst *FeatureStatus) {
	for _, f := range s.Features {
		if s.Enough && f.PSI != nil && f.PValue != nil && *f.PSI >= psi && *f.PValue < significance && (worst == nil || *f.PSI > *worst.PSI) {
			worst = f
		}
	}
	return worst
}

// Why tells of the features that have drifted, of at most as many.
func (s *Status) Why(most int) string {
	var parts []string
	for _, f := range s.Features {
		if f.Drifted {
			parts = append(parts, f.Name+": "+strings.Join(f.Why, ", "))
		}
	}
	if more := len(parts) - most; more > 0 {
		parts = append(parts[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

func (h *history) of(feature int) []*float64 {
	out := make([]*float64, len(h.points))
	for i, p := range h.points {
		if v := float64(p[feature]); !math.IsNaN(v) {
			out[i] = &v
		}
	}
	return out
}

// compare holds the counts of a feature against the profile. With the lock held.
func (w *Window) compare(l *live, whole bool) *FeatureStatus {
	f := &FeatureStatus{Role: l.Role, Column: l.Column, Of: l.Of}
	f.Name, f.Kind, f.ReferenceMissing = l.Name, string(l.Kind), l.MissingRate()
	now := make([]float64, l.bins)
	missing := 0.0
	for i := range l.counts {
		for k, n := range l.counts[i][:l.bins] {
			now[k] += float64(n)
		}
		missing += float64(l.counts[i][l.bins])
	}
	values := 0.0
	for _, n := range now {
		values += n
	}
	f.Missing = ratio(missing, missing+values)
	f.change(w.limits, "missing", [2]float64{float64(l.Rows - l.Missing), float64(l.Missing)}, [2]float64{values, missing})
	switch l.Kind {
	case Rate:
		f.rate(w.limits, l, now)
	case Numbers:
		f.numbers(w.limits, l, now, whole)
	case Categories:
		f.categories(w, l, now, whole)
	}
	return f
}

func (f *FeatureStatus) because(format string, args ...any) {
	f.Drifted = true
	f.Why = append(f.Why, fmt.Sprintf(format, args...))
}

// change judges a share: counts of what is not and what is, before and now.
func (f *FeatureStatus) change(limits Limits, what string, before, now [2]float64) {
	a, b := ratio(before[1], before[0]+before[1]), ratio(now[1], now[0]+now[1])
	if limits.Change <= 0 || math.Abs(a-b) < limits.Change {
		return
	}
	if _, p := drift.ChiSquare(before[:], now[:]); p < significance {
		f.because("%.3g %% %s, in training %.3g %%", 100*b, what, 100*a)
	}
}

func (f *FeatureStatus) rate(limits Limits, l *live, now []float64) {
	before, rate := l.UnknownRate(), ratio(now[1], now[0]+now[1])
	f.ReferenceRate = &before
	if now[0]+now[1] > 0 {
		f.Rate = &rate
		f.change(limits, "of the tokens are unknown", [2]float64(l.reference), [2]float64(now))
	}
}

// moved judges by the index, where the test finds that it is no chance.
func (f *FeatureStatus) moved(limits Limits) {
	if f.PSI != nil && f.PValue != nil && limits.PSI > 0 && *f.PSI >= limits.PSI && *f.PValue < significance {
		f.because("PSI is %.3g, the limit is %.3g", *f.PSI, limits.PSI)
	}
}

func (f *FeatureStatus) numbers(limits Limits, l *live, now []float64, whole bool) {
	a, b := make([]float64, l.coarse[len(l.coarse)-1]+1), make([]float64, l.coarse[len(l.coarse)-1]+1)
	var edges []float64
	for i, k := range l.coarse {
		a[k], b[k] = a[k]+l.reference[i], b[k]+now[i]
		if i > 0 && k != l.coarse[i-1] {
			edges = append(edges, l.Edges[i-1])
		}
	}
	d, p := drift.KolmogorovSmirnovBinned(l.reference, now)
	f.PSI, f.JensenShannon, f.Test, f.PValue = known(drift.PSI(a, b)), known(drift.JensenShannon(a, b)), known(d), known(p)
	f.moved(limits)
	if !whole {
		return
	}
	for k := range a {
		name := drift.RangeName(edges, k)
		if k > 0 && k == len(a)-1 && l.Max != nil {
			name = fmt.Sprintf("above %.6g", *l.Max)
		}
		f.Bins = append(f.Bins, drift.Bin{Name: name, Reference: ratio(a[k], sum(a)), Current: ratio(b[k], sum(b))})
	}
}

func (f *FeatureStatus) categories(w *Window, l *live, now []float64, whole bool) {
	chi, p := drift.ChiSquare(l.reference, now)
	f.PSI, f.JensenShannon, f.Test, f.PValue = known(drift.PSI(l.reference, now)), known(drift.JensenShannon(l.reference, now)), known(chi), known(p)
	f.moved(w.limits)
	fresh := now[listed+1]
	f.NewShare = ratio(fresh, sum(now))
	f.change(w.limits, "of the values are new", [2]float64{sum(l.reference), 0}, [2]float64{sum(now) - fresh, fresh})
	if !whole {
		return
	}
	for v, n := range l.fresh {
		if n.last > w.slot-slots {
			f.New = append(f.New, v)
		}
	}
	slices.SortFunc(f.New, func(a, b string) int { return cmp.Or(cmp.Compare(l.fresh[b].n, l.fresh[a].n), cmp.Compare(a, b)) })
	for k := range l.reference {
		name := "(new)"
		switch {
		case k < len(l.Values) && k < listed:
			name = l.Values[k]
		case k < listed || k == listed && l.reference[k]+now[k] == 0 || k > listed && now[k] == 0:
			continue
		case k == listed:
			name = "(others)"
		}
		f.Bins = append(f.Bins, drift.Bin{Name: name, Reference: ratio(l.reference[k], sum(l.reference)), Current: ratio(now[k], sum(now))})
	}
}

func sum(v []float64) float64 {
	s := 0.0
	for _, x := range v {
		s += x
	}
	return s
}

func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
