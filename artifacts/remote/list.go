package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gocloud.dev/blob"

	"pipe/artifacts"
)

// Keys lists the keys whose results the remote has, sorted. Names that are no
// keys are passed over.
func (r *Remote) Keys(ctx context.Context) ([]artifacts.Key, error) {
	const folder = "keys/"
	var keys []artifacts.Key
	list := r.bucket.List(&blob.ListOptions{Prefix: folder})
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list what %s has: %w", r.name, err)
		}
		if k := artifacts.Key(strings.ReplaceAll(strings.TrimPrefix(o.Key, folder), "/", "")); k.Valid() {
			keys = append(keys, k)
		}
	}
}
