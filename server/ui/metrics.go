package ui

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
)

// chartView is a chart of one metric that the script fills; Spark is its shape
// for browsers without one.
type chartView struct {
	Key    string
	Last   float64
	Points string // the address of its points
	Spark  string // a path in a box of 1000 by 100
}

// charts are how many a page has; a filter finds the others.
const charts = 24

// runMetrics shows the curves of a run.
func (s *Server) runMetrics(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "metrics")
	if err != nil {
		return err
	}
	find := strings.TrimSpace(r.URL.Query().Get("find"))
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	all := slices.DeleteFunc(slices.Clone(d.Metrics), func(m registry.Metric) bool {
		return m.Step == 0 && find != m.Key || find != "" && !strings.Contains(strings.ToLower(m.Key), strings.ToLower(find))
	})
	slices.SortStableFunc(all, func(a, b registry.Metric) int {
		return cmp.Or(cmp.Compare(boolInt(isSystem(a.Key)), boolInt(isSystem(b.Key))), cmp.Compare(a.Key, b.Key))
	})
	total := len(all)
	from = min(max(0, from), total)
	all = all[from:min(from+charts, total)]
	var views []chartView
	for _, m := range all {
		c := chartView{Key: m.Key, Last: m.Value, Points: "/metrics.json?" + chartQuery(m.Key, d.ID)}
		points, err := s.w.Registry.HistoryInterval(r.Context(), d.ID, m.Key, math.MinInt64, math.MaxInt64, 120)
		if err != nil {
			return err
		}
		c.Spark = spark(points)
		views = append(views, c)
	}
	f := s.frameOf(d)
	f.Chart = true
	s.render(w, r, http.StatusOK, "runmetrics", f, struct {
		*runData
		Find              string
		Charts            []chartView
		Total, From, Next int
		Step              int
	}{d, find, views, total, from, from + charts, charts})
	return nil
}

func isSystem(key string) bool { return strings.HasPrefix(key, "system/") }

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// spark draws points into a box of 1000 by 100, a gap where there is no number.
func spark(points []registry.Metric) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
			low, high = min(low, p.Value), max(high, p.Value)
		}
	}
	if low > high || len(points) < 2 {
		return ""
	}
	if low == high {
		low, high = low-1, high+1
	}
	first, last := points[0].Step, points[len(points)-1].Step
	var b strings.Builder
	pen := "M"
	for i, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			pen = "M"
			continue
		}
		x := 1000 * float64(i) / float64(len(points)-1)
		if last > first {
			x = 1000 * float64(p.Step-first) / float64(last-first)
		}
		fmt.Fprintf(&b, "%s%.0f %.1f", pen, x, 96-92*(p.Value-low)/(high-low))
		pen = "L"
	}
	return b.String()
}

// The most points of a curve, and curves of a chart, that are sent: a screen has
// no more pixels, and a reader no more colours.
const (
	curvePoints = 800
	curveRuns   = 50
)

// curveJSON is a metric of a run in columns: steps, seconds since the run began,
// values. NaN and the infinities are null.
type curveJSON struct {
	Run     string     `json:"run"`
	Name    string     `json:"name"`
	Step    []int64    `json:"step"`
	Time    []float64  `json:"time"`
	Value   []*float64 `json:"value"`
	Sampled bool       `json:"sampled,omitempty"`
}

// metricsJSON gives the points of a metric of some runs, thinned so that no peak
// is lost.
func (s *Server) metricsJSON(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	key, ids := q.Get("key"), q["run"]
	if key == "" || len(ids) == 0 || len(ids) > curveRuns {
		return &problem{http.StatusBadRequest, "This address needs key=METRIC and from one to " + strconv.Itoa(curveRuns) + " times run=ID."}
	}
	out := make([]curveJSON, 0, len(ids))
	for _, id := range ids {
		run, err := s.w.Registry.RunByID(r.Context(), id)
		if err != nil {
			return err
		}
		points, err := s.w.Registry.HistoryInterval(r.Context(), run.ID, key, math.MinInt64, math.MaxInt64, curvePoints)
		if err != nil {
			return err
		}
		c := curveJSON{Run: run.ID, Name: cmp.Or(run.Name, short(run.ID)), Sampled: len(points) >= curvePoints-2}
		for _, p := range points {
			c.Step = append(c.Step, p.Step)
			c.Time = append(c.Time, math.Round(p.Time.Sub(run.Start).Seconds()*1000)/1000)
			v := &p.Value
			if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
				v = nil
			}
			c.Value = append(c.Value, v)
		}
		out = append(out, c)
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	s.send(w, r, http.StatusOK, "application/json", b)
	return nil
}
