package stages

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/fetch"
)

// RemoteFile is what the kinds that fetch are configured with.
type RemoteFile struct {
	URL    string       `yaml:"url" doc:"where it lies: http(s)://…, s3://BUCKET/KEY (with ?endpoint=URL of any store that speaks S3), gs://BUCKET/KEY, azblob://CONTAINER/KEY, hf://OWNER/NAME@REVISION/FILE (HF_ENDPOINT and HF_TOKEN count), or a package: pkg:pypi/NAME@VERSION, pkg:npm/NAME@VERSION, pkg:golang/MODULE@VERSION, by pip, npm or go as they are configured. What follows a # is a path inside the archive that lies there" required:"true" example:"https://example.org/reviews.zip#data/reviews.csv"`
	SHA256 string       `yaml:"sha256" doc:"what the file's SHA-256 must be; without it, that of pipe.lock, where the first run enters it"`
	Stall  dag.Duration `yaml:"stall" doc:"how long no byte may come before the download is tried again, from where it is" default:"30s"`
}

// filePort is the output with the bytes as they were fetched, by which they stay
// in the store.
const filePort = "file"

// Pinned implements dag.Pinned.
func (r *RemoteFile) Pinned() {}

// OutsideVersion implements dag.Versioned: with a digest the key says which bytes
// are meant; without one, which is so until the first run has entered it into the
// lock file and again when its entry is removed, the file is fetched.
func (r *RemoteFile) OutsideVersion(context.Context, time.Time) (string, bool, error) {
	return "", r.SHA256 != "", nil
}

// locked reads the address and the lock file. A digest from the lock becomes part
// of the configuration and so of the key.
func (r *RemoteFile) locked(c *dag.Check) (a *fetch.Address, known fetch.Entry) {
	if r.SHA256 != "" && !fetch.ValidSHA256(r.SHA256) {
		c.Errorf("sha256", "must be 64 digits as sha256sum prints them, is %q", r.SHA256)
		return nil, known
	}
	a, err := fetch.Parse(r.URL)
	if err != nil {
		c.Errorf("url", "%v", err)
		return nil, known
	}
	a.Hide(dag.ShowSecrets)
	known, ok, err := fetch.Locked(fetch.LockName, a)
	if err != nil {
		c.Errorf("url", "%v", err)
		return nil, known
	}
	if ok && r.SHA256 == "" {
		r.SHA256 = known.SHA256
	}
	if ok && r.SHA256 != known.SHA256 {
		known = fetch.Entry{} // of another file
	}
	return a, known
}

// get brings the file here, from the store where it is there, and gives its
// place.
func (r *RemoteFile) get(ctx context.Context, env *dag.Env, a *fetch.Address, dir, port string) (string, error) {
	a.Hide(env.Scrub)
	name := a.Name()
	if e, ok, err := fetch.Locked(fetch.LockName, a); err == nil && ok && e.SHA256 == r.SHA256 && e.Name != "" {
		name = e.Name
	}
	if r.SHA256 != "" {
		if file, ok := env.Stored(port, artifacts.Digest(r.SHA256), extension(name), dir, name); ok {
			env.Logf("%s is in the store", a)
			return file, nil
		}
	}
	scratch, err := env.Scratch()
	if err != nil {
		return "", err
	}
	part, found, err := fetch.Get(ctx, a, scratch, fetch.Options{
		SHA256: r.SHA256, Stall: time.Duration(r.Stall), Env: os.Getenv, Log: env.Logf,
		Progress: func(done, total int64) { env.Progress(done, total, "bytes") },
	})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, found.Name)
	if err := os.Rename(part, file); err != nil {
		return "", err
	}
	env.Logf("%d bytes from %s", found.Size, a)
	err = fetch.Remember(fetch.LockName, a, func(e *fetch.Entry) {
		if e.SHA256 != found.SHA256 {
			*e = fetch.Entry{SHA256: found.SHA256, Size: found.Size}
		}
		if found.Name != a.Name() {
			e.Name = found.Name
		}
	})
	if err != nil {
		return "", err
	}
	return file, env.ImportCopy(port, file, extension(found.Name))
}

// extension is how the bytes of a file are to be read, by its name.
func extension(name string) string {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if ext == "" || len(ext) > 10 || strings.Trim(ext, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return "bin"
	}
	return ext
}
