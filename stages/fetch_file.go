package stages

import (
	"context"
	"os"
	"path/filepath"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/fetch"
)

var fetchKind = dag.Info{
	Name:    "fetch",
	Version: 1,
	Doc: "Fetches a file that lies elsewhere, and unpacks it if wanted. What came is kept in the store and its SHA-256 in pipe.lock, so that it is fetched once and another machine gets the same bytes or an error. " +
		"Downloads go on where they broke off. Archives are zip or tar (gzip, bzip2, xz, zstd); one that has links, names that lead out of its folder, or grows beyond measure is refused.",
	Example: `pictures: { uses: fetch, with: { url: "https://example.org/pictures.zip", unpack: true } }`,
	New:     func() dag.Kind { return &Fetch{} },
}

// Fetch is the kind fetch.
type Fetch struct {
	RemoteFile `yaml:",inline"`
	Unpack     bool `yaml:"unpack" doc:"whether the file is an archive whose files make a folder" default:"false"`
}

// Ports implements dag.Kind.
func (k *Fetch) Ports() (in, out []dag.Port) {
	out = []dag.Port{{Name: dag.Out, Type: artifacts.File, Doc: "the file, or the folder of its files"}}
	if k.Unpack || k.inside() {
		out = append(out, dag.Port{Name: filePort, Type: artifacts.File, Doc: "the archive as it came"})
	}
	return nil, out
}

// inside tells whether a file inside an archive is wanted.
func (k *Fetch) inside() bool {
	a, err := fetch.Parse(k.URL)
	return err == nil && a.Member != ""
}

// Check implements dag.Kind.
func (k *Fetch) Check(c *dag.Check) {
	a, _ := k.locked(c)
	if a != nil && a.Member != "" && k.Unpack {
		c.Errorf("unpack", "the address names one file of the archive; leave out either")
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.File}
}

// Run implements dag.Kind.
func (k *Fetch) Run(ctx context.Context, env *dag.Env) error {
	a, err := fetch.Parse(k.URL)
	if err != nil {
		return err
	}
	dir, err := env.Temp()
	if err != nil {
		return err
	}
	if !k.Unpack && a.Member == "" {
		_, err := k.get(ctx, env, a, dir, dag.Out)
		return err
	}
	file, err := k.get(ctx, env, a, dir, filePort)
	if err != nil {
		return err
	}
	inside := filepath.Join(dir, "unpacked")
	if err := os.Mkdir(inside, 0o777); err != nil {
		return err
	}
	member, err := fetch.Unpack(file, inside, a.Member, fetch.DefaultLimits)
	if err != nil {
		return err
	}
	if k.Unpack {
		return env.Import(dag.Out, inside, artifacts.File, artifacts.FolderFormat)
	}
	return env.Import(dag.Out, member, artifacts.File, extension(member))
}
