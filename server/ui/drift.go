package ui

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"pipe/server/inference"
	"pipe/stages/monitor"
)

// driftView is how far a version's requests are from its training.
type driftView struct {
	Version      int
	Role, Note   string
	Judged       bool // there is something to compare
	Rows, Need   int64
	Enough       bool
	Drifted      int
	Window       string
	PSI, Change  float64
	Back         float64 // the index from which on the deployment goes back; 0: it does not
	Since        time.Time
	Features     []driftRow
	More         int
	Predictions  []distribution
	From, To     time.Time // of the histories
	HistoryParts int
}

// CountRows is how many rows are compared, for a sentence.
func (d driftView) CountRows() int { return int(d.Rows) }

// driftRow is a figure: a column's values, a measure of them, or the answers.
type driftRow struct {
	Name, Kind, Why string
	Drifted         bool
	Figure          *float64 // the index, or a rate of unknown tokens
	IsRate          bool
	Was             *float64 // the rate in the training
	Line            string   // the history, in a box of 200 by 36
	LimitY          float64  // of the limit in that box
	Missing, Before float64  // shares
	New             float64  // share of values that the training did not have
	HasNew          bool
	Bars            []driftBar // in a box of 160 by 36
}

// driftBar is a bin: the share in the training beside that of now.
type driftBar struct {
	X, W, Y, H, NowY, NowH float64
	Title                  string
}

// distribution is what a model says, now and when it was made.
type distribution struct {
	Name   string
	Labels []share   // of categories
	Bars   *driftRow // of numbers
}

type share struct {
	Name     string
	Was, Now float64
	Y        float64
}

// driftShown is how many figures the page of a deployment has; the page of its
// drift has more.
const (
	driftShown = 8
	driftAll   = 300
	driftBins  = 60
	mostLabels = 20
)

func (s *Server) driftOf(name string, most int) []driftView {
	if s.opt.Models == nil {
		return nil
	}
	report, ok := s.opt.Models.Drift(name)
	if !ok {
		return nil
	}
	var views []driftView
	for _, v := range report.Versions {
		views = append(views, driftViewOf(v, report.Rollback, most))
	}
	return views
}

func driftViewOf(v inference.DriftOf, back float64, most int) driftView {
	d := driftView{Version: v.Version, Role: v.Role, Note: v.Note, Back: back}
	if v.Status == nil {
		return d
	}
	st := v.Status
	d.Judged, d.Rows, d.Need, d.Enough, d.Drifted, d.Since = true, st.Rows, st.Limits.MinRows, st.Enough, st.Drifted, st.Since
	d.Window, d.PSI, d.Change = duration(time.Duration(st.WindowSeconds*float64(time.Second))), st.Limits.PSI, st.Limits.Change
	if n := len(st.History.Times); n > 0 {
		d.From, d.To, d.HistoryParts = time.Unix(st.History.Times[0], 0), time.Unix(st.History.Times[n-1], 0), n
	}
	features := slices.Clone(st.Features)
	slices.SortStableFunc(features, func(a, b *monitor.FeatureStatus) int {
		return cmp.Or(cmp.Compare(boolInt(b.Drifted), boolInt(a.Drifted)), cmp.Compare(index(b), index(a)))
	})
	for _, f := range features {
		if f.Role == monitor.Prediction && len(d.Predictions) < 4 {
			d.Predictions = append(d.Predictions, distributionOf(f))
		}
		if len(d.Features) < most {
			d.Features = append(d.Features, driftRowOf(f, st.Limits))
		}
	}
	d.More = len(features) - len(d.Features)
	return d
}

func index(f *monitor.FeatureStatus) float64 {
	switch {
	case f.PSI != nil:
		return *f.PSI
	case f.Rate != nil && f.ReferenceRate != nil:
		return math.Abs(*f.Rate - *f.ReferenceRate)
	}
	return 0
}

func driftRowOf(f *monitor.FeatureStatus, limits monitor.Limits) driftRow {
	row := driftRow{Name: f.Name, Kind: f.Of, Why: strings.Join(f.Why, "; "), Drifted: f.Drifted, Figure: f.PSI, Missing: f.Missing, Before: f.ReferenceMissing, New: f.NewShare, HasNew: f.Kind == string(monitor.Categories), Bars: bars(f)}
	if f.Role == monitor.Prediction {
		row.Kind = "the answer"
	}
	limit := limits.PSI
	if f.Rate != nil {
		row.Figure, row.IsRate, row.Was = f.Rate, true, f.ReferenceRate
		if limit = limits.Change; f.ReferenceRate != nil {
			limit += *f.ReferenceRate
		}
	}
	row.Line, row.LimitY = historyLine(f.History, limit)
	return row
}

// historyLine draws a figure over time in a box of 200 by 36 that begins at zero
// and holds the limit, with a gap where there were too few rows.
func historyLine(points []*float64, limit float64) (line string, limitY float64) {
	high := 1.25 * limit
	for _, p := range points {
		if p != nil {
			high = max(high, *p)
		}
	}
	if high <= 0 {
		high = 1
	}
	y := func(v float64) float64 { return 35 - 34*v/high }
	var b strings.Builder
	pen := "M"
	for i, p := range points {
		if p == nil || math.IsNaN(*p) {
			pen = "M"
			continue
		}
		x := 100.0
		if len(points) > 1 {
			x = 200 * float64(i) / float64(len(points)-1)
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, x, y(*p))
		if pen == "M" && (i+1 == len(points) || points[i+1] == nil) {
			b.WriteString("h1.5") // a point by itself is seen, too
		}
		pen = "L"
	}
	return b.String(), y(limit)
}

func bars(f *monitor.FeatureStatus) []driftBar {
	bins := f.Bins[:min(driftBins, len(f.Bins))]
	high := 0.0
	for _, b := range bins {
		high = max(high, b.Reference, b.Current)
	}
	if high == 0 {
		return nil
	}
	w := 160 / float64(len(bins))
	list := make([]driftBar, len(bins))
	for i, b := range bins {
		was, now := 34*b.Reference/high, 34*b.Current/high
		list[i] = driftBar{X: w * float64(i), W: max(0.5, w-0.6), Y: 35 - was, H: was, NowY: 35 - now, NowH: now, Title: fmt.Sprintf("%s: %s in the training, %s now", b.Name, share100(b.Reference), share100(b.Current))}
	}
	return list
}

func share100(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }

func distributionOf(f *monitor.FeatureStatus) distribution {
	d := distribution{Name: f.Name}
	if f.Kind != string(monitor.Categories) {
		row := driftRow{Name: f.Name, Bars: bars(f)}
		d.Bars = &row
		return d
	}
	for _, b := range f.Bins[:min(mostLabels, len(f.Bins))] {
		d.Labels = append(d.Labels, share{Name: b.Name, Was: b.Reference, Now: b.Current})
	}
	slices.SortStableFunc(d.Labels, func(a, b share) int { return cmp.Compare(max(b.Was, b.Now), max(a.Was, a.Now)) })
	return d
}

// driftPage has all figures of a deployment.
func (s *Server) driftPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.w.Registry.Deployment(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "drift", &frame{Title: "Drift of " + d.Name, Room: "deployments"}, struct {
		Name, URL string
		Drift     []driftView
	}{d.Name, deploymentURL(d.Name), s.driftOf(d.Name, driftAll)})
	return nil
}
