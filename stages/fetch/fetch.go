// Package fetch owns what lies elsewhere: files behind http, in buckets, on a
// Hugging Face hub and in packages of language registries, brought to a local
// file whose SHA-256 is checked; the lock file that remembers it; and archives.
// It knows nothing of stages and tables.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Address is where something lies.
type Address struct {
	text   string
	url    *url.URL
	Member string // the path inside the archive that lies there; "" for the whole
	hide   func(string) string
}

// Hide says how secrets are taken out of what the lock file has of the address.
func (a *Address) Hide(hide func(string) string) { a.hide = hide }

// schemes that can be fetched.
var schemes = map[string]func(context.Context, *download) error{
	"http": fetchHTTP, "https": fetchHTTP, "hf": fetchHub, "pkg": fetchPackage,
	"s3": fetchBucket, "gs": fetchBucket, "azblob": fetchBucket, "file": fetchBucket,
}

// Parse reads an address. What follows a # is the path inside an archive.
func Parse(s string) (*Address, error) {
	text, member, _ := strings.Cut(s, "#")
	u, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the address is no URL: %w", errors.Unwrap(err)) // without the address, which may hold a password
	}
	if schemes[u.Scheme] == nil {
		return nil, fmt.Errorf("%q begins with none of the schemes http, https, s3, gs, azblob, file, hf and pkg", u.Redacted())
	}
	a := &Address{text: text, url: u, Member: member}
	switch {
	case u.Scheme == "pkg":
		_, err = parsePackage(text)
	case u.Scheme == "hf":
		_, err = hubURL(u, "https://huggingface.co")
	case u.Host == "" && u.Scheme != "file":
		err = fmt.Errorf("%q names no host", u.Redacted())
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// String gives the address without a password and without what an address
// carries in its query, where signatures stand.
func (a *Address) String() string {
	u := *a.url
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return strings.ReplaceAll(u.Redacted(), "?%E2%80%A6", "?…")
}

// Name is the last name of what lies there.
func (a *Address) Name() string {
	name := path.Base(a.url.Path)
	if a.url.Opaque != "" {
		name = path.Base(a.url.Opaque)
	}
	if name == "." || name == "/" {
		return "file"
	}
	return name
}

// Options bound and observe a download.
type Options struct {
	SHA256   string        // what it must be; "" where that is not known yet
	Stall    time.Duration // how long no byte may come before it is tried again; 0 for 30 seconds
	Progress func(done, total int64)
	Log      func(format string, args ...any)
	Env      func(name string) string // os.Getenv
}

// Result is what was fetched.
type Result struct {
	SHA256 string
	Size   int64
	Name   string // the file's name, where only fetching tells it
}

// download is one file on its way.
type download struct {
	*Address
	Options
	path string // of the part that is here
	name string
	pins string // the file beside it that says of what it is a part
}

// attempts is how often a download is tried that does not go on.
const attempts = 5

// permanent is an error that trying again does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Get fetches an address to a file in a folder, whose name is the result of
// this function. A part that an earlier call has left there is gone on from. A
// file whose SHA-256 is not the one wanted is removed.
func Get(ctx context.Context, a *Address, dir string, o Options) (file string, r Result, err error) {
	if o.Stall == 0 {
		o.Stall = 30 * time.Second
	}
	d := &download{Address: a, Options: o, path: filepath.Join(dir, "download.part"), pins: filepath.Join(dir, "download.from")}
	for try := 1; ; try++ {
		before := d.size()
		err = schemes[a.url.Scheme](ctx, d)
		var last permanent
		if err == nil || errors.As(err, &last) || ctx.Err() != nil {
			break
		}
		if d.size() > before {
			try = 1 // it goes on
		}
		if try == attempts {
			break
		}
		if o.Log != nil {
			o.Log("%v; trying again", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Duration(try*try)*200*time.Millisecond, o.Stall)):
		}
	}
	if ctx.Err() != nil {
		return "", r, ctx.Err()
	}
	if err != nil {
		return "", r, fmt.Errorf("fetch %s: %w", a, err)
	}
	return d.finish()
}

// finish checks the digest.
func (d *download) finish() (string, Result, error) {
	f, err := os.Open(d.path)
	if err != nil {
		return "", Result{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return "", Result{}, err
	}
	r := Result{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n, Name: d.name}
	if r.Name == "" {
		r.Name = d.Name()
	}
	_ = os.Remove(d.pins) // the download is over; what is left is the file
	if d.SHA256 != "" && r.SHA256 != d.SHA256 {
		_ = os.Remove(d.path)
		return "", r, &ChangedError{Address: d.String(), Want: d.SHA256, Got: r.SHA256, Size: n}
	}
	return d.path, r, nil
}

// ChangedError is a file that is not what it was.
type ChangedError struct {
	Address, Want, Got string
	Size               int64
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s has changed: its sha256 is %s (%d bytes) and %s was wanted; if that is right, change or remove the sha256 in the pipeline or the entry in %s", e.Address, e.Got, e.Size, e.Want, LockName)
}

func (d *download) size() int64 {
	if info, err := os.Stat(d.path); err == nil {
		return info.Size()
	}
	return 0
}

// ValidSHA256 tells whether s is a digest as sha256sum prints it.
func ValidSHA256(s string) bool { return sha256Form().MatchString(s) }

var sha256Form = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{64}$`) })

// from opens the part to append to; what says which version of the file it
// belongs to. A part of another version is thrown away.
func (d *download) from(version string) (f *os.File, at int64, err error) {
	if known, err := os.ReadFile(d.pins); err != nil || string(known) != version || version == "" {
		_ = os.Remove(d.path)
	}
	if err := os.WriteFile(d.pins, []byte(version), 0o666); err != nil {
		return nil, 0, err
	}
	if f, err = os.OpenFile(d.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// errStalled is a server that says no more.
type errStalled struct{ after time.Duration }

func (e errStalled) Error() string { return fmt.Sprintf("no byte came for %s", e.after) }

// copyWatched copies with progress, and calls cancel where nothing comes.
func (d *download) copyWatched(dst io.Writer, src io.Reader, done, total int64, cancel func()) (n int64, err error) {
	stalled := make(chan struct{})
	timer := time.AfterFunc(d.Stall, func() { close(stalled); cancel() })
	defer timer.Stop()
	buf := make([]byte, 128<<10)
	for {
		k, err := src.Read(buf)
		if k > 0 {
			timer.Reset(d.Stall)
			if _, werr := dst.Write(buf[:k]); werr != nil {
				return n, permanent{werr}
			}
			n += int64(k)
			if d.Progress != nil {
				d.Progress(done+n, max(total, 0))
			}
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			select {
			case <-stalled:
				return n, errStalled{d.Stall}
			default:
				return n, err
			}
		}
	}
}
