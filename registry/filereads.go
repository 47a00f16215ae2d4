package registry

import (
	"context"

	"pipe/artifacts"
)

// FileRead says that a stage of a run read a file outside the store.
type FileRead struct {
	External
	Run   string     `json:"run"`
	Stage string     `json:"stage"`
	Kind  string     `json:"kind"`
	State StageState `json:"state"`
}

// FileReads returns which stages read a file of that content, the newest run
// first, at most limit.
func (r *Registry) FileReads(ctx context.Context, digest artifacts.Digest, limit int) (list []FileRead, err error) {
	err = r.view(ctx, func(t *tx) error {
		rows, err := t.query(`SELECT x.path, x.digest, x.size, r.id, s.name, w.kind, iif(r.repeats IS NULL, s.state, 'cached')
			FROM externals x JOIN works w ON w.id = x.work JOIN stages s ON s.work = w.id JOIN runs r ON r.stages_of = s.run
			WHERE x.digest = ? ORDER BY r.seq DESC, s.id, x.path LIMIT ?`, string(digest), limit)
		list, err = collect(rows, err, func(scan scanner) (f FileRead, err error) {
			err = scan(&f.Path, &f.Digest, &f.Size, &f.Run, &f.Stage, &f.Kind, &f.State)
			return f, err
		})
		return err
	})
	return list, err
}
