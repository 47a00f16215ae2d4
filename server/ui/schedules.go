package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pipe/registry"
	"pipe/schedule"
)

// Schedules is what runs pipelines by themselves.
type Schedules interface {
	List(ctx context.Context) ([]schedule.Status, error)
	Show(ctx context.Context, name string) (schedule.Status, error)
	Next(ctx context.Context, name string, n int, until time.Time) ([]schedule.Upcoming, error)
	History(ctx context.Context, name string, q registry.FireQuery) ([]registry.Fire, error)
	Calendar(ctx context.Context, name string, from, to time.Time) ([]schedule.Day, error)
	Pause(ctx context.Context, name string, why registry.Audit) error
	Resume(ctx context.Context, name string, why registry.Audit) error
	Trigger(ctx context.Context, name string, at time.Time, params map[string]string, cause, why string) (registry.Fire, error)
	Backfill(ctx context.Context, name string, from, to time.Time, jobs int, again bool, why string) ([]registry.Fire, error)
	Cancel(ctx context.Context, run string) error
}

func (s *Server) scheduleRoutes() {
	s.get("/schedules", s.schedulesPage)
	s.get("/schedules/{name}", s.schedulePage)
	s.post("/schedules/{name}/edit", s.editSchedule)
}

func (s *Server) schedules() (Schedules, error) {
	if s.opt.Schedules == nil {
		return nil, &problem{http.StatusNotImplemented, "This server knows no schedules."}
	}
	return s.opt.Schedules, nil
}

type scheduleRow struct {
	schedule.Status
	URL       string
	State     string // of the last fire
	Until     string // how long until the next
	LastAgo   string
	LastRun   string
	Succeeded string
}

func (s *Server) scheduleRow(st schedule.Status) scheduleRow {
	now := s.opt.Now()
	row := scheduleRow{Status: st, URL: "/schedules/" + url.PathEscape(st.Name), Until: ago(st.Next, now)}
	if st.Last != nil {
		row.State, row.LastAgo, row.LastRun = fireState(*st.Last), ago(st.Last.At, now), st.Last.Run
	}
	if st.Done+st.Failed > 0 {
		row.Succeeded = percent(st.Done, st.Done+st.Failed)
	}
	return row
}

// fireState is the word, and the mark, of a fire.
func fireState(f registry.Fire) string {
	if f.Late && f.State == registry.FireQueued {
		return "late"
	}
	return string(f.State)
}

// calendarDay is a square of the calendar.
type calendarDay struct {
	Number string
	Date   string
	Today  bool
	Counts []stateCount
	Next   int
	Title  string
}

// calendar is five weeks that begin on a Monday: two that are past, this one, and
// two that come.
func (s *Server) calendar(r *http.Request, sch Schedules, name string) ([]calendarDay, error) {
	now := s.opt.Now().UTC()
	monday := now.Truncate(24*time.Hour).AddDate(0, 0, -(int(now.Weekday())+6)%7-14)
	days, err := sch.Calendar(r.Context(), name, monday, monday.AddDate(0, 0, 35).Add(-time.Second))
	if err != nil {
		return nil, err
	}
	var out []calendarDay
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			return nil, fmt.Errorf("a day of the calendar: %w", err)
		}
		day := calendarDay{Number: at.Format("2"), Date: d.Date, Today: d.Date == now.Format(time.DateOnly), Next: len(d.Next)}
		if at.Day() == 1 || len(out) == 0 {
			day.Number = at.Format("2 Jan")
		}
		counts := map[string]int{}
		for _, f := range d.Fires {
			counts[fireState(f)]++
		}
		for _, state := range sortedKeys(counts) {
			day.Counts = append(day.Counts, stateCount{state, counts[state]})
		}
		var names []string
		for _, u := range d.Next {
			names = append(names, u.At.UTC().Format("15:04")+" "+u.Schedule)
		}
		day.Title = strings.Join(names, "\n")
		out = append(out, day)
	}
	return out, nil
}

func (s *Server) schedulesPage(w http.ResponseWriter, r *http.Request) error {
	sch, err := s.schedules()
	if err != nil {
		return err
	}
	list, err := sch.List(r.Context())
	if err != nil {
		return err
	}
	var rows []scheduleRow
	for _, st := range list {
		rows = append(rows, s.scheduleRow(st))
	}
	var days []calendarDay
	if len(rows) > 0 {
		if days, err = s.calendar(r, sch, ""); err != nil {
			return err
		}
	}
	s.render(w, r, http.StatusOK, "schedules", &frame{Title: "Schedules", Room: "schedules"}, struct {
		Rows []scheduleRow
		Days []calendarDay
	}{rows, days})
	return nil
}

type fireRow struct {
	registry.Fire
	Word string
	Took string
	Ago  string
}

func (s *Server) schedulePage(w http.ResponseWriter, r *http.Request) error {
	sch, err := s.schedules()
	if err != nil {
		return err
	}
	ctx, name := r.Context(), r.PathValue("name")
	st, err := sch.Show(ctx, name)
	if err != nil {
		return err
	}
	next, err := sch.Next(ctx, name, 10, time.Time{})
	if err != nil {
		return err
	}
	fires, err := sch.History(ctx, name, registry.FireQuery{Limit: 100})
	if err != nil {
		return err
	}
	days, err := s.calendar(r, sch, name)
	if err != nil {
		return err
	}
	var rows []fireRow
	for _, f := range fires {
		row := fireRow{Fire: f, Word: fireState(f), Ago: ago(f.At, s.opt.Now())}
		if !f.Started.IsZero() && !f.Ended.IsZero() {
			row.Took = duration(f.Ended.Sub(f.Started))
		}
		rows = append(rows, row)
	}
	s.render(w, r, http.StatusOK, "schedule", &frame{Title: name, Room: "schedules"}, struct {
		scheduleRow
		Upcoming []schedule.Upcoming
		Fires    []fireRow
		Days     []calendarDay
	}{s.scheduleRow(st), next, rows, days})
	return nil
}

// editSchedule pauses, resumes, triggers, fills past times, and cancels.
func (s *Server) editSchedule(w http.ResponseWriter, r *http.Request) error {
	sch, err := s.schedules()
	if err != nil {
		return err
	}
	ctx, name, f := r.Context(), r.PathValue("name"), r.PostForm
	why := s.audit(r, f.Get("why"))
	switch f.Get("do") {
	case "pause":
		err = sch.Pause(ctx, name, why)
	case "resume":
		err = sch.Resume(ctx, name, why)
	case "trigger":
		_, err = sch.Trigger(ctx, name, time.Time{}, nil, "manual", why.Why)
	case "backfill":
		var span [2]time.Time
		for i, field := range []string{"from", "to"} {
			at, perr := time.Parse(time.DateOnly, f.Get(field))
			if perr != nil {
				return &problem{http.StatusBadRequest, "A day is written as 2026-05-04."}
			}
			span[i] = at
		}
		jobs, jerr := strconv.Atoi(f.Get("jobs"))
		if jerr != nil {
			jobs = 1
		}
		if _, err = sch.Backfill(ctx, name, span[0], span[1].Add(24*time.Hour-time.Second), jobs, f.Get("again") != "", why.Why); err != nil && statusOf(err) == http.StatusInternalServerError {
			err = &problem{http.StatusUnprocessableEntity, err.Error()}
		}
	case "cancel":
		fires, herr := sch.History(ctx, name, registry.FireQuery{States: []registry.FireState{registry.FireQueued, registry.FireRunning}})
		if herr != nil {
			return herr
		}
		run := f.Get("run")
		if !slices.ContainsFunc(fires, func(x registry.Fire) bool { return x.Run == run }) {
			return &problem{http.StatusConflict, "This run is not under way."}
		}
		err = sch.Cancel(ctx, run)
	default:
		err = &problem{http.StatusBadRequest, "There is no such action."}
	}
	if err != nil {
		return err
	}
	return back(w, r, "/schedules/"+url.PathEscape(name))
}
