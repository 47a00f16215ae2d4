package registry

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"pipe/artifacts"
)

// identity is a hash of what makes two stages' works the same: kind, key, and
// the artifacts and files on their ports. Strings are quoted, so that no two
// lists run together into the same text.
func (s *Stage) identity() []byte {
	text := fmt.Appendf(nil, "1 %q %q", s.Kind, s.Key)
	for i, ports := range []map[string]artifacts.Ref{s.Inputs, s.Outputs} {
		for _, port := range slices.Sorted(maps.Keys(ports)) {
			ref := ports[port]
			text = fmt.Appendf(text, " %d %q %s %s %q", i, port, ref.Type, ref.Digest, ref.Format)
		}
	}
	for _, x := range s.Externals {
		text = fmt.Appendf(text, " x %q %q", x.Path, x.Digest)
	}
	sum := sha256.Sum256(text)
	return sum[:16]
}

// keepWork returns the id of a stage's work, which in an unchanged run is
// there already.
func keepWork(t *tx, s *Stage) (id int64, err error) {
	identity := s.identity()
	err = t.row("SELECT id FROM works WHERE identity = ?", identity).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	if id, err = t.insert("INSERT INTO works (identity, kind, key) VALUES (?, ?, ?)", identity, s.Kind, string(s.Key)); err != nil {
		return 0, err
	}
	for output, ports := range []map[string]artifacts.Ref{s.Inputs, s.Outputs} {
		for _, port := range slices.Sorted(maps.Keys(ports)) {
			artifact, err := keepArtifact(t, ports[port])
			if err != nil {
				return 0, err
			}
			if err := t.exec("INSERT INTO ports (work, output, port, artifact) VALUES (?, ?, ?, ?)", id, output, port, artifact); err != nil {
				return 0, err
			}
		}
	}
	for _, x := range s.Externals {
		if err := t.exec("INSERT OR REPLACE INTO externals (work, path, digest, size) VALUES (?, ?, ?, ?)",
			id, x.Path, string(x.Digest), x.Size); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// keepArtifact returns the id of an artifact's row.
func keepArtifact(t *tx, ref artifacts.Ref) (id int64, err error) {
	err = t.row("SELECT id FROM artifacts WHERE digest = ? AND type = ? AND format = ?", string(ref.Digest), string(ref.Type), ref.Format).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return t.insert("INSERT INTO artifacts (digest, type, format, size, rows) VALUES (?, ?, ?, ?, ?)",
			string(ref.Digest), string(ref.Type), ref.Format, ref.Size, ref.Rows)
	}
	return id, err
}

// readWork fills in what a work read and made.
func readWork(q querier, work int64, s *Stage) error {
	rows, err := q.query(`SELECT p.output, p.port, a.digest, a.type, a.format, a.size, a.rows
		FROM ports p JOIN artifacts a ON a.id = p.artifact WHERE p.work = ?`, work)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var output bool
		var port string
		var ref artifacts.Ref
		if err := rows.Scan(&output, &port, &ref.Digest, &ref.Type, &ref.Format, &ref.Size, &ref.Rows); err != nil {
			return err
		}
		ports := &s.Inputs
		if output {
			ports = &s.Outputs
		}
		if *ports == nil {
			*ports = make(map[string]artifacts.Ref)
		}
		(*ports)[port] = ref
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows, err = q.query("SELECT path, digest, size FROM externals WHERE work = ? ORDER BY path", work)
	s.Externals, err = collect(rows, err, func(scan scanner) (x External, err error) {
		err = scan(&x.Path, &x.Digest, &x.Size)
		return x, err
	})
	return err
}
