package main

import (
	"net/http"

	"pipe/server"
	"pipe/server/ui"
	"pipe/workspace"
)

// pages adds the web pages to a server.
func (a *app) pages(w *workspace.Workspace, predict http.Handler, o *server.Options) *ui.Server {
	p := ui.New(w, ui.Options{Launcher: launcher{a.store}, Predict: predict, Log: o.Log})
	o.Rooms = append(o.Rooms, server.Room{Name: "ui", Patterns: ui.Patterns, Handler: p, Judges: true, Run: p.Run})
	o.Auth.SignIn, o.Auth.Open = p.SignIn, ui.Open
	return p
}
