package main

import (
	"pipe/server"
	"pipe/server/ui"
	"pipe/workspace"
)

// pages adds the web pages to a server.
func (a *app) pages(w *workspace.Workspace, models ui.Models, schedules ui.Schedules, o *server.Options) *ui.Server {
	p := ui.New(w, ui.Options{Launcher: launcher{a.store}, Models: models, Schedules: schedules, Log: o.Log})
	o.Rooms = append(o.Rooms, server.Room{Name: "ui", Patterns: ui.Patterns, Handler: p, Judges: true, Run: p.Run})
	o.Auth.SignIn, o.Auth.Open = p.SignIn, append(o.Auth.Open, ui.Open...)
	return p
}
