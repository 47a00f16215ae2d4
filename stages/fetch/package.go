package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// purl is a package URL: pkg:TYPE/NAME@VERSION.
type purl struct{ kind, name, version string }

func parsePackage(s string) (purl, error) {
	bad := fmt.Errorf("%q is not pkg:pypi/NAME@VERSION, pkg:npm/NAME@VERSION or pkg:golang/MODULE@VERSION", s)
	kind, rest, ok := strings.Cut(strings.TrimPrefix(s, "pkg:"), "/")
	at := strings.LastIndex(rest, "@")
	if !ok || at <= 0 || at == len(rest)-1 {
		return purl{}, bad
	}
	name, err := url.PathUnescape(rest[:at])
	p := purl{kind, name, rest[at+1:]}
	if err != nil || kind != "pypi" && kind != "npm" && kind != "golang" || strings.ContainsAny(p.name+p.version, " \t\n;,=<>?\\") ||
		strings.HasPrefix(p.name, "-") || strings.Contains(p.name, "..") {
		return purl{}, bad
	}
	return p, nil
}

// fetchPackage has the registry's ordinary client fetch a package, as the user
// has configured it: pip, npm or go. Nothing of a package is run: pip takes
// wheels, which it only unpacks.
func fetchPackage(ctx context.Context, d *download) error {
	p, err := parsePackage(d.text)
	if err != nil {
		return permanent{err}
	}
	dir, err := os.MkdirTemp(filepath.Dir(d.path), "package-")
	if err != nil {
		return permanent{err}
	}
	defer os.RemoveAll(dir)
	var file string
	switch p.kind {
	case "pypi":
		python := d.Env("PIPE_PYTHON")
		if python == "" {
			python = "python3"
		}
		_, err = runClient(ctx, dir, python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--dest", dir, p.name+"=="+p.version)
	case "npm":
		_, err = runClient(ctx, dir, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", dir, p.name+"@"+p.version)
	case "golang":
		file, err = goModule(ctx, dir, p)
	}
	if err == nil && file == "" {
		file, err = onlyFile(dir)
	}
	if err != nil {
		return permanent{err}
	}
	d.name = filepath.Base(file)
	return copyFile(d.path, file)
}

// goModule gives the zip of a module in the module cache.
func goModule(ctx context.Context, dir string, p purl) (string, error) {
	out, err := runClient(ctx, dir, "go", "mod", "download", "-json", p.name+"@"+p.version)
	var m struct{ Zip, Error string }
	if jerr := json.Unmarshal(out, &m); jerr == nil && m.Error != "" {
		return "", fmt.Errorf("go mod download: %s", m.Error)
	}
	if err != nil {
		return "", err
	}
	if m.Zip == "" {
		return "", fmt.Errorf("go mod download names no zip")
	}
	return m.Zip, nil
}

func runClient(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return out.Bytes(), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), args[0], err, strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	return out.Bytes(), nil
}

// onlyFile is the file that a client left.
func onlyFile(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) != 1 {
		return "", fmt.Errorf("the client left %d files and not one", len(files))
	}
	return files[0], nil
}

func copyFile(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return permanent{err}
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return permanent{err}
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return permanent{err}
	}
	return out.Close()
}
