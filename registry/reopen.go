package registry

import "context"

// ReopenRun lets a run that was interrupted go on under its id, in the hands of
// a new process. ErrConflict where it has finished, or a process still works on
// it.
func (r *Registry) ReopenRun(ctx context.Context, id string, p Process) error {
	return r.update(ctx, func(t *tx) error {
		a, err := activeRun(t, id)
		if err != nil {
			return err
		}
		run, err := runBySeq(t, a.seq)
		if err != nil {
			return err
		}
		if run.Status == Finished {
			return conflict("run", id, "run %s has finished: there is nothing to go on with", id)
		}
		old, err := watched(t)
		if err != nil {
			return err
		}
		for _, w := range old {
			if w.run == id && w.Process != p && (w.Host != p.Host || r.alive(w.Process)) {
				return conflict("run", id, "run %s is in the hands of process %d on %s", id, w.PID, w.Host)
			}
		}
		if err := t.exec("UPDATE runs SET status = 'RUNNING', ended = NULL, error = '', revision = revision + 1 WHERE seq = ?", a.seq); err != nil {
			return err
		}
		return t.exec("INSERT OR REPLACE INTO processes (run, pid, born, boot, host, heartbeat) VALUES (?, ?, ?, ?, ?, ?)",
			a.seq, p.PID, p.Born, p.Boot, p.Host, t.now.UnixMilli())
	})
}
