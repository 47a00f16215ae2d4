// Package remote owns what stores of several machines share: a bucket, local or
// in a cloud, with objects and records under the same names and with the same
// bytes as in a store:
//
//	format            "pipe-store 1"
//	objects/ab/cdef…  immutable bytes; the name is their SHA-256
//	keys/ab/cdef…     what the stage with that key produced
//
// Push writes objects before the records that name them, so that a record which
// can be read can be used. What is pulled is checked against its digest before
// it enters the store. A record is only as trustworthy as everybody who may
// write to the bucket: that a key has these outputs cannot be checked without
// running the stage.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:///path
	_ "gocloud.dev/blob/memblob"  // mem://, for tests
	"gocloud.dev/gcerrors"

	"pipe/artifacts"
)

// Remote is a bucket that several stores share. It may be used by any number
// of goroutines.
type Remote struct {
	bucket *blob.Bucket
	name   string // for messages
}

const (
	formatName = "format"
	formatText = "pipe-store 1\n"
)

// Open opens the bucket at a URL of gocloud.dev/blob: file:///path or any whose
// driver the program imports. An empty bucket becomes a remote; one of a newer
// format is an error.
func Open(ctx context.Context, address string) (*Remote, error) {
	u, err := url.Parse(address)
	if err != nil {
		// Without the address, which may hold a password.
		return nil, fmt.Errorf("the address of the remote is no URL: %w", errors.Unwrap(err))
	}
	name := u.Redacted()
	if u.Scheme == "" {
		return nil, fmt.Errorf("remote %q is no URL; a folder is written file:///path", name)
	}
	bucket, err := blob.OpenBucket(ctx, withDefaults(u).String())
	if err != nil {
		return nil, fmt.Errorf("remote %s: %w", name, withoutPassword(u, err))
	}
	r, err := New(ctx, bucket, name)
	if err != nil {
		bucket.Close()
	}
	return r, err
}

// OpenExisting is Open for those who only read: where there is no remote, it makes
// none and says so.
func OpenExisting(ctx context.Context, address string) (*Remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "file" {
		return Open(ctx, address) // a bucket of a cloud is made by its owner
	}
	folder := u.Path
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("remote %s does not exist: there is no folder %s", u.Redacted(), folder)
	case err != nil:
		return nil, fmt.Errorf("remote %s: %w", u.Redacted(), err)
	case !info.IsDir():
		return nil, fmt.Errorf("remote %s: %s is no folder", u.Redacted(), folder)
	}
	if _, err := os.Stat(filepath.Join(folder, formatName)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remote %s: nobody has pushed to the folder %s", u.Redacted(), folder)
	}
	return Open(ctx, address)
}

// Name is the address as messages show it, without a password.
func (r *Remote) Name() string { return r.name }

// withoutPassword keeps a password in a URL out of messages and logs, where
// the drivers repeat the URL.
func withoutPassword(u *url.URL, err error) error {
	password, ok := u.User.Password()
	if !ok || password == "" {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), password, "xxxxx"))
}

// withDefaults makes a folder hold nothing but the objects themselves, with
// temporary files beside them, because a rename needs one file system.
func withDefaults(u *url.URL) *url.URL {
	if u.Scheme != "file" {
		return u
	}
	v := *u
	q := v.Query()
	for name, value := range map[string]string{"create_dir": "true", "metadata": "skip", "no_tmp_dir": "true"} {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	v.RawQuery = q.Encode()
	return &v
}

// New makes a remote of a bucket that is open. name is for messages.
func New(ctx context.Context, bucket *blob.Bucket, name string) (*Remote, error) {
	r := &Remote{bucket: bucket, name: name}
	b, err := bucket.ReadAll(ctx, formatName)
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		err = bucket.WriteAll(ctx, formatName, []byte(formatText), nil)
		if err != nil {
			return nil, fmt.Errorf("remote %s: it has no format yet and none can be written: %w", name, err)
		}
	case err != nil:
		return nil, fmt.Errorf("remote %s: %w", name, err)
	case !bytes.Equal(b, []byte(formatText)):
		return nil, fmt.Errorf("remote %s: its format is %q and this pipe reads %q; use the newer pipe that wrote it, or another remote",
			name, strings.TrimSpace(string(b[:min(len(b), 40)])), strings.TrimSpace(formatText))
	}
	return r, nil
}

// Close gives the bucket back.
func (r *Remote) Close() error {
	if err := r.bucket.Close(); err != nil {
		return fmt.Errorf("remote %s: %w", r.name, err)
	}
	return nil
}

func objectName(d artifacts.Digest) string { return "objects/" + string(d[:2]) + "/" + string(d[2:]) }

func recordName(k artifacts.Key) string { return "keys/" + string(k[:2]) + "/" + string(k[2:]) }
