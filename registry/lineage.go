package registry

import (
	"context"
	"errors"
	"fmt"

	"pipe/artifacts"
)

// Edge says that a stage of a run made an artifact, or read it.
type Edge struct {
	Ref   artifacts.Ref `json:"ref"`
	Port  string        `json:"port"`
	Run   string        `json:"run"`
	Stage string        `json:"stage"`
	Kind  string        `json:"kind"`
	Key   artifacts.Key `json:"key"`
	State StageState    `json:"state"`
}

// Work is one stage's execution in a lineage, with what it read and made.
type Work struct {
	Run            string           `json:"run"`
	Stage          Stage            `json:"stage"`
	Pipeline       string           `json:"pipeline,omitempty"`
	PipelineDigest artifacts.Digest `json:"pipeline_digest,omitempty"`
	Git            Git              `json:"git,omitzero"`
	Params         []Pair           `json:"params,omitempty"`
}

// Lineage is everything that an artifact depends on: the work that made it,
// the work that made that work's inputs, and so on to the sources.
type Lineage struct {
	Digest artifacts.Digest `json:"digest"`
	// Work is sorted by run and position; a stage that several runs share by
	// the cache appears once, as the run that executed it first.
	Work []Work `json:"work"`
	// Pipelines are the texts of the pipelines by digest.
	Pipelines map[artifacts.Digest]string `json:"pipelines,omitempty"`
	// Sources are the files outside the store that all of it began with.
	Sources []External `json:"sources,omitempty"`
}

// VersionLineage is the lineage of a model version.
type VersionLineage struct {
	Version ModelVersion `json:"version"`
	Lineage Lineage      `json:"lineage"`
}

// Lineage follows an artifact back to every input it depends on. A digest that
// no recorded stage has made gives ErrNotFound.
func (r *Registry) Lineage(ctx context.Context, digest artifacts.Digest) (l Lineage, err error) {
	err = r.view(ctx, func(t *tx) error {
		l, err = lineage(t, digest, "")
		return err
	})
	return l, err
}

// VersionLineage says which data, code and parameters made a model version: it
// follows the version's artifact inside the run that registered it, whose
// record is complete whether its stages were cached or not, or through all
// runs where that one is not known.
func (r *Registry) VersionLineage(ctx context.Context, model string, version int) (l VersionLineage, err error) {
	err = r.view(ctx, func(t *tx) error {
		if l.Version, err = versionOf(t, model, version); err != nil {
			return err
		}
		if l.Version.Ref.Digest == "" {
			return notFound("lineage", fmt.Sprintf("%s/%d", model, version))
		}
		l.Lineage, err = lineage(t, l.Version.Ref.Digest, l.Version.RunID)
		if errors.Is(err, ErrNotFound) { // it was made elsewhere, and came as it is
			err = nil
		}
		return err
	})
	return l, err
}

// upstream finds the works that an artifact depends on, within a run or (0)
// everywhere, and for each the stage that did it first.
const upstream = `
WITH RECURSIVE
within (work) AS (SELECT work FROM stages WHERE run = ?2),
made (artifact, work) AS (
	SELECT artifact, work FROM ports WHERE output = 1 AND (?2 = 0 OR work IN within)
),
needed (work) AS (
	SELECT m.work FROM artifacts a JOIN made m ON m.artifact = a.id WHERE a.digest = ?1
	UNION
	SELECT m.work FROM needed n JOIN ports p ON p.work = n.work AND p.output = 0 JOIN made m ON m.artifact = p.artifact
)
SELECT s.run, s.name FROM stages s
WHERE s.id IN (SELECT min(id) FROM stages WHERE work IN needed AND (?2 = 0 OR run = ?2) GROUP BY work)
ORDER BY s.run, s.id`

func lineage(q querier, digest artifacts.Digest, runID string) (Lineage, error) {
	l := Lineage{Digest: digest}
	var within int64
	if runID != "" {
		// The run may be purged, or somebody else's; then all runs are searched.
		within, _ = seqOf(q, runID)
	}
	rowsOf := within
	if within != 0 {
		var err error
		if rowsOf, _, err = stagesRun(q, within); err != nil {
			return l, err
		}
	}
	type place struct {
		run  int64
		name string
	}
	rows, err := q.query(upstream, string(digest), rowsOf)
	places, err := collect(rows, err, func(scan scanner) (p place, err error) {
		err = scan(&p.run, &p.name)
		if within != 0 {
			p.run = within
		}
		return p, err
	})
	if err != nil {
		return l, err
	}
	if len(places) == 0 {
		return l, notFound("artifact", string(digest))
	}
	for len(places) > 0 {
		names := map[string]bool{}
		n := 0
		for n < len(places) && places[n].run == places[0].run {
			names[places[n].name] = true
			n++
		}
		if err := l.addRun(q, places[0].run, names); err != nil {
			return l, err
		}
		places = places[n:]
	}
	return l, nil
}

// addRun adds the named stages of one run.
func (l *Lineage) addRun(q querier, seq int64, names map[string]bool) error {
	run, err := runBySeq(q, seq)
	if err != nil {
		return err
	}
	stages, err := stagesOf(q, seq)
	if err != nil {
		return err
	}
	for _, s := range stages {
		if names[s.Name] {
			l.Work = append(l.Work, Work{run.ID, s, run.Pipeline, run.PipelineDigest, run.Git, run.Params})
			l.Sources = append(l.Sources, s.Externals...)
		}
	}
	if run.PipelineDigest == "" {
		return nil
	}
	if l.Pipelines == nil {
		l.Pipelines = make(map[artifacts.Digest]string)
	}
	var text string
	err = q.row("SELECT text FROM pipelines WHERE digest = ?", string(run.PipelineDigest)).Scan(&text)
	l.Pipelines[run.PipelineDigest] = text
	return err
}

// Dependents is what would have to be made anew if an artifact or a file
// outside the store were different.
type Dependents struct {
	Readers  []Edge        `json:"readers"`  // stages that read it, newest run first
	Versions []VersionName `json:"versions"` // model versions that descend from it, at any distance
}

// downstream finds the artifacts that descend from a digest.
const downstream = `
WITH RECURSIVE descends (artifact) AS (
	SELECT id FROM artifacts WHERE digest = ?1
	UNION
	SELECT p.artifact FROM externals x JOIN ports p ON p.work = x.work AND p.output = 1 WHERE x.digest = ?1
	UNION
	SELECT o.artifact FROM descends d
	JOIN ports i ON i.artifact = d.artifact AND i.output = 0
	JOIN ports o ON o.work = i.work AND o.output = 1
)
SELECT m.name, v.version FROM descends d JOIN versions v ON v.artifact = d.artifact JOIN models m ON m.id = v.model
ORDER BY m.name, v.version`

// Dependents says what depends on a digest: of an artifact, or of a file
// outside the store.
func (r *Registry) Dependents(ctx context.Context, digest artifacts.Digest) (d Dependents, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query(downstream, string(digest))
		d.Versions, err = collect(rows, err, func(scan scanner) (v VersionName, err error) {
			err = scan(&v.Model, &v.Version)
			return v, err
		})
		if err != nil {
			return err
		}
		rows, err = t.query(`SELECT a.digest, a.type, a.format, a.size, a.rows, p.port, r.id, s.name, w.kind, w.key, iif(r.repeats IS NULL, s.state, 'cached')
			FROM artifacts a JOIN ports p ON p.artifact = a.id AND p.output = 0 JOIN works w ON w.id = p.work
			JOIN stages s ON s.work = w.id JOIN runs r ON r.stages_of = s.run
			WHERE a.digest = ? ORDER BY r.seq DESC, s.id, p.port`, string(digest))
		d.Readers, err = collect(rows, err, func(scan scanner) (e Edge, err error) {
			err = scan(&e.Ref.Digest, &e.Ref.Type, &e.Ref.Format, &e.Ref.Size, &e.Ref.Rows, &e.Port, &e.Run, &e.Stage, &e.Kind, &e.Key, &e.State)
			return e, err
		})
		return err
	})
	return d, err
}
