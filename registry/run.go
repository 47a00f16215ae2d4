package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"pipe/artifacts"
)

// runID is what MLflow accepts as the id of a run.
var runID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9][\w\-]*$`) })

// CreateRun adds a run, in state Running unless n says otherwise. The
// experiment must exist and not be deleted. An id that is taken gives
// ErrExists.
func (r *Registry) CreateRun(ctx context.Context, n NewRun) (run Run, err error) {
	if n.ID == "" {
		if n.ID, err = r.newID(); err != nil {
			return Run{}, err
		}
	}
	if err := n.check(); err != nil {
		return Run{}, err
	}
	err = r.update(ctx, func(t *tx) error {
		a, err := addRun(t, n)
		if err == nil {
			run, err = runBySeq(t, a.seq)
		}
		return err
	})
	return run, err
}

// check refuses what no run can have and fills in what is left out.
func (n *NewRun) check() error {
	switch {
	case len(n.ID) > 256 || !runID().MatchString(n.ID):
		return invalid("run", n.ID, "run id %q must be letters, digits, _ and -, and begin with a letter or digit", n.ID)
	case n.Status == "":
		n.Status = Running
	case !n.Status.Valid():
		return invalid("run", n.ID, "run status %q is unknown", n.Status)
	}
	return nil
}

// newID draws a random UUID (RFC 9562, version 4) in MLflow's spelling: 32
// hexadecimal digits.
func (r *Registry) newID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(r.rand, b[:]); err != nil {
		return "", fmt.Errorf("drawing an id: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return hex.EncodeToString(b[:]), nil
}

func addRun(t *tx, n NewRun) (active, error) {
	e, err := activeExperiment(t, n.Experiment)
	if err != nil {
		return active{}, err
	}
	if _, err := seqOf(t, n.ID); err == nil {
		return active{}, exists("run", n.ID)
	}
	if n.Start.IsZero() {
		n.Start = t.now
	}
	if n.ArtifactURI == "" {
		n.ArtifactURI = strings.TrimSuffix(e.ArtifactLocation, "/") + "/" + n.ID + "/artifacts"
	}
	digest, err := keepText(t, n.PipelineText)
	if err != nil {
		return active{}, err
	}
	host, err := json.Marshal(n.Host)
	if err != nil {
		return active{}, err
	}
	if n.Host == (Host{}) {
		host = nil
	}
	seq, err := t.insert(`INSERT INTO runs (id, experiment, name, user, status, started, artifact_uri, pipeline, pipeline_digest,
		git_commit, git_branch, git_dirty, host) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		n.ID, n.Experiment, n.Name, n.User, string(n.Status), n.Start.UnixMilli(), n.ArtifactURI, n.Pipeline, digest,
		n.Git.Commit, n.Git.Branch, n.Git.Dirty, string(host))
	if err != nil {
		return active{}, err
	}
	a := active{seq, n.Experiment}
	if err := errors.Join(putParams(t, a, n.Params), putTags(t, a, n.Tags)); err != nil {
		return active{}, err
	}
	if p := n.Process; p != nil {
		if err := t.exec("INSERT INTO processes (run, pid, born, boot, host, heartbeat) VALUES (?, ?, ?, ?, ?, ?)",
			seq, p.PID, p.Born, p.Boot, p.Host, t.now.UnixMilli()); err != nil {
			return active{}, err
		}
	}
	return a, nil
}

// keepText stores a pipeline's text once and returns its digest, nil for none.
func keepText(t *tx, text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	return digest, t.exec("INSERT INTO pipelines (digest, text) VALUES (?, ?) ON CONFLICT DO NOTHING", digest, text)
}

// FinishRun sets the final state of a run. A later call overrides an earlier
// one, as in MLflow. ErrText says why a run failed.
func (r *Registry) FinishRun(ctx context.Context, id string, status Status, end time.Time, errText string) error {
	if !status.Valid() {
		return invalid("run", id, "run status %q is unknown", status)
	}
	return r.update(ctx, func(t *tx) error { return finish(t, id, status, end, errText) })
}

func finish(t *tx, id string, status Status, end time.Time, errText string) error {
	a, err := activeRun(t, id)
	if err != nil {
		return err
	}
	if err := t.exec("UPDATE runs SET status = ?, ended = ?, error = ?, revision = revision + 1 WHERE seq = ?", string(status), millis(end), errText, a.seq); err != nil {
		return err
	}
	if status == Running {
		return nil
	}
	// A stage that was running when its run ended did not finish either. A run
	// that waits for a person has no process, too.
	if err := t.exec("UPDATE stages SET state = 'failed', finished = ?, error = ? WHERE run = ? AND state = 'running'",
		millis(end), errText, a.seq); err != nil {
		return err
	}
	return t.exec("DELETE FROM processes WHERE run = ?", a.seq)
}

// RunChange is what UpdateRun may change; nil leaves a field as it is.
type RunChange struct {
	Name   *string
	Status *Status
	Start  *time.Time
	End    *time.Time
}

// UpdateRun changes a run's own fields and returns the run.
func (r *Registry) UpdateRun(ctx context.Context, id string, c RunChange) (run Run, err error) {
	if c.Status != nil && !c.Status.Valid() {
		return Run{}, invalid("run", id, "run status %q is unknown", *c.Status)
	}
	err = r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		if c.Name != nil {
			err = errors.Join(t.exec("UPDATE runs SET name = ? WHERE seq = ?", *c.Name, a.seq),
				putTags(t, a, []Pair{{runNameTag, *c.Name}}))
		}
		if err == nil && c.Start != nil {
			err = t.exec("UPDATE runs SET started = ?, revision = revision + 1 WHERE seq = ?", c.Start.UnixMilli(), a.seq)
		}
		if err == nil && c.End != nil {
			err = t.exec("UPDATE runs SET ended = ? WHERE seq = ?", millis(*c.End), a.seq)
		}
		if err == nil && c.Status != nil {
			err = t.exec("UPDATE runs SET status = ?, revision = revision + 1 WHERE seq = ?", string(*c.Status), a.seq)
		}
		if err == nil {
			run, err = runBySeq(t, a.seq)
		}
		return err
	})
	return run, err
}

// DeleteRun hides a run until it is restored.
func (r *Registry) DeleteRun(ctx context.Context, id string, why Audit) error {
	return r.update(ctx, func(t *tx) error {
		seq, err := seqOf(t, id)
		if err != nil {
			return err
		}
		if err := t.exec("UPDATE runs SET deleted = 1, deleted_at = ?, revision = revision + 1 WHERE seq = ?", t.now.UnixMilli(), seq); err != nil {
			return err
		}
		return audit(t, why, "run.delete", id, "", "")
	})
}

// RestoreRun undoes DeleteRun.
func (r *Registry) RestoreRun(ctx context.Context, id string) error {
	return r.update(ctx, func(t *tx) error {
		seq, err := seqOf(t, id)
		if err != nil {
			return err
		}
		return t.exec("UPDATE runs SET deleted = 0, deleted_at = NULL, revision = revision + 1 WHERE seq = ?", seq)
	})
}

// active is a run that may be written to.
type active struct{ seq, experiment int64 }

// activeRun finds a run that is about to be changed, and counts the change.
func activeRun(t *tx, id string) (a active, err error) {
	var deleted bool
	var status string
	err = t.row("SELECT seq, experiment, deleted, status FROM runs WHERE id = ?", id).Scan(&a.seq, &a.experiment, &deleted, &status)
	return a, changeRun(t, a, id, deleted, status, err)
}

// changeRun judges what was read of a run that is about to be changed.
func changeRun(t *tx, a active, id string, deleted bool, status string, err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return notFound("run", id)
	case err == nil && deleted:
		return conflict("run", id, "run %s is deleted", id)
	case err == nil && Status(status) != Running:
		err = t.exec("UPDATE runs SET revision = revision + 1 WHERE seq = ?", a.seq)
	}
	return err
}

func seqOf(q querier, id string) (seq int64, err error) {
	err = q.row("SELECT seq FROM runs WHERE id = ?", id).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("run", id)
	}
	return seq, err
}

const runColumns = `r.seq, r.id, r.experiment, r.name, r.user, r.status, r.started, r.ended, r.deleted, r.artifact_uri, r.error,
	r.pipeline, r.pipeline_digest, r.git_commit, r.git_branch, r.git_dirty, r.host,
	r.status = 'SCHEDULED' AND EXISTS (SELECT 1 FROM processes p WHERE p.run = r.seq)`

func scanRun(scan scanner) (run Run, err error) {
	var started int64
	var ended sql.NullInt64
	var digest sql.NullString
	var status, host string
	err = scan(&run.seq, &run.ID, &run.Experiment, &run.Name, &run.User, &status, &started, &ended, &run.Deleted, &run.ArtifactURI,
		&run.Error, &run.Pipeline, &digest, &run.Git.Commit, &run.Git.Branch, &run.Git.Dirty, &host, &run.Queued)
	if err != nil {
		return run, err
	}
	run.Status, run.PipelineDigest = Status(status), artifacts.Digest(digest.String)
	run.Start, run.End = time.UnixMilli(started).UTC(), fromMillis(ended)
	if host != "" {
		err = json.Unmarshal([]byte(host), &run.Host)
	}
	return run, err
}

func runBySeq(q querier, seq int64) (Run, error) {
	run, err := scanRun(q.row("SELECT "+runColumns+" FROM runs r WHERE r.seq = ?", seq).Scan)
	if err != nil {
		return run, err
	}
	list := []Run{run}
	err = attach(q, list)
	return list[0], err
}
