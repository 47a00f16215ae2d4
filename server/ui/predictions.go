package ui

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/server/inference"
)

func (s *Server) predictionRoutes() {
	s.get("/deployments/{name}/predictions", s.predictionsPage)
	s.get("/deployments/{name}/drift", s.driftPage)
	s.get("/predictions/{request}", s.predictionPage)
}

// loggedRow is a row of a request log as a page shows it.
type loggedRow struct {
	inference.LoggedRow
	Ago, Took, URL, VersionURL string
	Sure                       bool // it has a probability
}

func (s *Server) loggedRows(rows []inference.LoggedRow, model string) []loggedRow {
	out := make([]loggedRow, len(rows))
	for i, r := range rows {
		if r.Model == "" {
			r.Model = model
		}
		out[i] = loggedRow{LoggedRow: r, Ago: ago(r.Time, s.opt.Now()), Took: duration(r.Took.Round(10 * time.Microsecond)), VersionURL: versionURL(r.Model, r.Version), Sure: !math.IsNaN(r.Probability)}
		if r.Request != "" {
			out[i].URL = "/predictions/" + r.Request
		}
	}
	return out
}

// listedPredictions is how many rows of a log a page lists.
const listedPredictions = 200

// predictionsPage lists what a deployment answered of late.
func (s *Server) predictionsPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.w.Registry.Deployment(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	if s.opt.Models == nil {
		return &problem{http.StatusServiceUnavailable, "No models answer here."}
	}
	version, _ := strconv.Atoi(r.URL.Query().Get("version"))
	rows, err := s.opt.Models.Logged(d.Name, inference.LoggedQuery{Version: version, Limit: listedPredictions})
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "predictions", &frame{Title: "Predictions of " + d.Name, Room: "deployments"}, struct {
		registry.Deployment
		URL     string
		Version int
		Rows    []loggedRow
		Most    int
	}{d, deploymentURL(d.Name), version, s.loggedRows(rows, d.Model), listedPredictions})
	return nil
}

// predictionPage leads from an answer that was given to the files that it comes
// from: the version, its run, the stages.
func (s *Server) predictionPage(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), r.PathValue("request")
	rows, err := s.logged(ctx, id)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return &problem{http.StatusNotFound, "No log here has this request. A deployment keeps those that its policy says (log: {sample}), and an answer names its request in the header Pipe-Request."}
	}
	const most = 100
	first := rows[0]
	d := struct {
		Request string
		First   loggedRow
		Rows    []loggedRow
		More    int
		Version *registry.ModelVersion // nil: it is gone
		Lineage *dagView
		Sources []registry.External
		Note    string
	}{Request: id, More: max(0, len(rows)-most), Rows: s.loggedRows(rows[:min(most, len(rows))], "")}
	d.First = d.Rows[0]
	v, err := s.w.Registry.Version(ctx, first.Model, first.Version)
	switch {
	case err == nil:
		d.Version = &v
	case statusOf(err) != http.StatusNotFound:
		return err
	}
	digest := artifacts.Digest(first.Digest)
	l, err := s.w.Registry.Lineage(ctx, digest)
	switch {
	case err == nil:
		d.Sources = oncePerPath(l.Sources)
		chain := []dagNode{versionNode(registry.VersionName{Model: first.Model, Version: first.Version}), {Name: "this prediction", Note: clock(first.Time), Focus: true}}
		d.Lineage = s.lineageView("what this prediction comes from", &l, digest, chain)
	case statusOf(err) == http.StatusNotFound:
		d.Note = "Where the model came from is not known: no recorded stage has made it."
	default:
		return err
	}
	s.render(w, r, http.StatusOK, "prediction", &frame{Title: "A prediction of " + first.Deployment, Room: "deployments"}, d)
	return nil
}

// logged finds a request in the log of any deployment.
func (s *Server) logged(ctx context.Context, id string) ([]inference.LoggedRow, error) {
	if s.opt.Models == nil {
		return nil, nil
	}
	list, err := s.w.Registry.Deployments(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		rows, err := s.opt.Models.Logged(d.Name, inference.LoggedQuery{Request: id})
		if err != nil || len(rows) > 0 {
			return rows, err
		}
	}
	return nil, nil
}
