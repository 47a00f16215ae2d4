package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:///path
	"gocloud.dev/gcerrors"
)

// fetchBucket fetches an object of a bucket, by the drivers of gocloud.dev/blob
// that the program imports. Credentials are found as the cloud's own client finds
// them.
func fetchBucket(ctx context.Context, d *download) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address, key := bucketOf(d.url)
	b, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return permanent{errors.New(strings.ReplaceAll(err.Error(), address, d.String()))}
	}
	defer b.Close()
	attrs, err := b.Attributes(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return permanent{errors.New("there is no such object")}
	}
	if err != nil {
		return err
	}
	version := attrs.ETag
	if version == "" {
		version = fmt.Sprint(attrs.ModTime.UnixNano(), attrs.Size)
	}
	f, at, err := d.from(version)
	if err != nil {
		return permanent{err}
	}
	defer f.Close()
	if at > attrs.Size {
		return permanent{fmt.Errorf("the part that is here is longer than the object")}
	}
	r, err := b.NewRangeReader(ctx, key, at, -1, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := d.copyWatched(f, r, at, attrs.Size, cancel)
	if err != nil {
		return err
	}
	if at+n != attrs.Size {
		return fmt.Errorf("the object has %d bytes and %d came", attrs.Size, at+n)
	}
	return f.Close()
}

// bucketOf parts the URL of an object: the bucket with its settings, and the key.
func bucketOf(u *url.URL) (bucket, key string) {
	b := *u
	if u.Scheme == "file" {
		b.Path, key = path.Dir(u.Path), path.Base(u.Path)
		q := b.Query()
		q.Set("metadata", "skip")
		b.RawQuery = q.Encode()
		return b.String(), key
	}
	b.Path = ""
	return b.String(), strings.TrimPrefix(u.Path, "/")
}
