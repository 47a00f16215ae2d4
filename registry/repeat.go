package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"pipe/artifacts"
)

// WorkList is a hash of what all stages of a run did, by name and whatever
// their states and times: two runs with the same list did the same work.
type WorkList [sha256.Size]byte

// NewWorkList hashes stages whose names are all different. Each string is
// preceded by its length, so that no two lists run together.
func NewWorkList(stages map[string]Stage) WorkList {
	h := sha256.New()
	var buf []byte
	add := func(s string) {
		buf = binary.AppendUvarint(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		s := stages[name]
		buf = buf[:0]
		add(name)
		add(s.Kind)
		add(string(s.Key))
		for _, ports := range []map[string]artifacts.Ref{s.Inputs, s.Outputs} {
			buf = binary.AppendUvarint(buf, uint64(len(ports)))
			for _, port := range slices.Sorted(maps.Keys(ports)) {
				add(port)
				add(string(ports[port].Type))
				add(string(ports[port].Digest))
				add(ports[port].Format)
			}
		}
		buf = binary.AppendUvarint(buf, uint64(len(s.Externals)))
		for _, x := range s.Externals {
			add(x.Path)
			add(string(x.Digest))
		}
		h.Write(buf)
	}
	return WorkList(h.Sum(nil))
}

// RepeatRun finishes a run in which every stage was cached, if an earlier run
// has the same work list: the stages of that run count as its own. points are
// the metrics of all stages. It returns false, and has changed nothing, where
// there is no such run; the stages are then to be put one by one.
func (r *Registry) RepeatRun(ctx context.Context, id string, list WorkList, points []Metric, end time.Time) (repeats bool, err error) {
	err = r.update(ctx, func(t *tx) error {
		of, found, err := workedOff(t, list)
		if repeats = found; err != nil || !found {
			return err
		}
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		var own int
		if err := t.row("SELECT count(*) FROM stages WHERE run = ?", a.seq).Scan(&own); err != nil {
			return err
		}
		if own > 0 || of == a.seq {
			repeats = false
			return nil
		}
		return repeat(t, a, id, of, list, points, end)
	})
	return repeats && err == nil, err
}

// CreateRepeat is CreateRun and RepeatRun at once, for a run that has ended
// before anybody could ask for it. The experiment is made where there is none.
func (r *Registry) CreateRepeat(ctx context.Context, experiment string, n NewRun, list WorkList, points []Metric, end time.Time) (repeats bool, err error) {
	n.Process = nil
	if err := n.check(); err != nil {
		return false, err
	}
	err = r.update(ctx, func(t *tx) error {
		of, found, err := workedOff(t, list)
		if repeats = found; err != nil || !found {
			return err
		}
		e, err := ensureExperiment(t, experiment)
		if err != nil {
			return err
		}
		n.Experiment = e.ID
		a, err := addRun(t, n)
		if err != nil {
			return err
		}
		return repeat(t, a, n.ID, of, list, points, end)
	})
	return repeats && err == nil, err
}

// workedOff finds the first run that has a work list.
func workedOff(t *tx, list WorkList) (seq int64, found bool, err error) {
	err = t.row("SELECT seq FROM runs WHERE work_list = ? AND repeats IS NULL ORDER BY seq LIMIT 1", list[:]).Scan(&seq)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return seq, err == nil, err
}

func repeat(t *tx, a active, id string, of int64, list WorkList, points []Metric, end time.Time) error {
	if err := putMetrics(t, a, groupMetrics(points)); err != nil {
		return err
	}
	if err := t.exec("UPDATE runs SET repeats = ?, work_list = ? WHERE seq = ?", of, list[:], a.seq); err != nil {
		return err
	}
	return finish(t, id, Finished, end, "")
}

// SetWorkList notes what the stages of a finished run did, so that a later run
// can repeat it.
func (r *Registry) SetWorkList(ctx context.Context, id string, list WorkList) error {
	return r.update(ctx, func(t *tx) error {
		seq, err := seqOf(t, id)
		if err != nil {
			return err
		}
		return t.exec("UPDATE runs SET work_list = ? WHERE seq = ?", list[:], seq)
	})
}

// stagesRun returns the run whose rows in stages stand for a run's (its own
// or, where it repeats one, that one's) and when the run itself began.
func stagesRun(q querier, run int64) (of int64, began sql.NullInt64, err error) {
	err = q.row("SELECT stages_of, started FROM runs WHERE seq = ?", run).Scan(&of, &began)
	return of, began, err
}
