package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"pipe/schedule"
	"pipe/server"
	"pipe/workspace"
)

// scheduleFlags say how `pipe up` runs what comes due.
type scheduleFlags struct {
	folder  string
	pull    time.Duration
	maxRuns int
	alerts  []string
	lineage string
	off     bool
}

func (f *scheduleFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.folder, "pipelines", "", "register the schedules of all pipeline files in this folder, and follow their changes")
	c.Flags().DurationVar(&f.pull, "pull", 0, "how often to run git pull in the folder of --pipelines; 0: never")
	c.Flags().IntVar(&f.maxRuns, "max-runs", 4, "scheduled runs at a time")
	c.Flags().StringArrayVar(&f.alerts, "alert", nil, "whom to tell when a scheduled run fails, is late, or works again, and when a deployed version does not answer, has drifted or was rolled back: http://…, https://…, mailto:ADDRESS, or a map as the kind notify takes it")
	c.Flags().StringVar(&f.lineage, "openlineage", "", "where to send OpenLineage events of scheduled runs: an http(s) address, or a file that they are added to")
	c.Flags().BoolVar(&f.off, "no-schedules", false, "run nothing that comes due; another pipe up on this store may")
	needs(c, "pull", "pipelines")
	excludes(c, "pipelines max-runs openlineage", "no-schedules")
}

// scheduleRooms are what the server does for schedules.
func scheduleRooms(ctx context.Context, w *workspace.Workspace, f scheduleFlags, log *slog.Logger) ([]server.Room, *schedule.Service, error) {
	s := &schedule.Service{Workspace: w, Lookup: paramOfEnvironment}
	rooms := []server.Room{
		{Name: "schedules", Patterns: schedule.Patterns, Handler: s.Handler()},
		{Name: "webhooks", Patterns: []string{schedule.HookPath}, Handler: s.Hooks(nil), Judges: true}, // by their signature
	}
	if f.off {
		return rooms, s, nil
	}
	teller, err := schedule.NewTeller(w, f.alerts, paramOfEnvironment, log)
	if err != nil {
		return nil, nil, usageError{err}
	}
	lineage, err := schedule.NewLineage(f.lineage, log)
	if err != nil {
		return nil, nil, usageError{err}
	}
	s.Engine = schedule.New(schedule.Options{
		Registry: w.Registry,
		Runner:   schedule.InWorkspace{Workspace: w, Lookup: paramOfEnvironment, Sink: lineage.Sink},
		Looker:   &schedule.Sight{Workspace: w, Lookup: paramOfEnvironment},
		MaxRuns:  f.maxRuns, Log: log, Tell: teller.Tell,
	})
	watcher := &schedule.Watcher{Service: s, Folder: f.folder, Pull: f.pull, Log: log}
	for _, r := range []struct {
		name string
		run  func(context.Context) error
	}{{"schedule", s.Engine.Run}, {"pipeline files", watcher.Run}, {"alerts", teller.Run}, {"lineage", lineage.Run}} {
		rooms = append(rooms, server.Room{Name: r.name, Run: r.run})
	}
	return rooms, s, nil
}
