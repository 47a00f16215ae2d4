package artifacts

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// walk calls fn for each regular file of objects/ or keys/ that has the name of
// a digest, in the order of digests. Files with other names are nobody's
// business here; Verify reports them.
func (s *Store) walk(ctx context.Context, area string, fn func(storedFile) error) error {
	return s.walkAll(ctx, area, func(f storedFile, foreign string) error {
		if foreign != "" {
			return nil
		}
		return fn(f)
	})
}

// walkAll is walk that also reports the paths of files that do not belong. fn
// ends it with fs.SkipAll.
func (s *Store) walkAll(ctx context.Context, area string, fn func(f storedFile, foreign string) error) error {
	root := filepath.Join(s.dir, area)
	shards, err := os.ReadDir(root)
	for i := 0; i < len(shards) && err == nil; i++ {
		if shards[i].IsDir() {
			err = walkShard(ctx, root, shards[i].Name(), fn)
		} else {
			err = fn(storedFile{}, filepath.Join(root, shards[i].Name()))
		}
	}
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func walkShard(ctx context.Context, root, shard string, fn func(storedFile, string) error) error {
	entries, err := os.ReadDir(filepath.Join(root, shard))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed by another process meanwhile
		}
		if err != nil {
			return err
		}
		f := storedFile{name: Digest(shard + e.Name()), size: info.Size(), used: info.ModTime()}
		foreign := ""
		if !f.name.Valid() || len(shard) != 2 || !info.Mode().IsRegular() {
			foreign = filepath.Join(root, shard, e.Name())
		}
		if err := fn(f, foreign); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
