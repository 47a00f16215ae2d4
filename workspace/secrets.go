package workspace

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pipe/dag"
)

// secretVariable begins the name of an environment variable that holds a secret.
const secretVariable = "PIPE_SECRET_"

// secretFolder names the folder whose files are secrets; without it, that is
// where containers have them.
const (
	secretFolder  = "PIPE_SECRETS"
	mountedSecret = "/run/secrets"
)

// lookupSecret finds a secret: a variable PIPE_SECRET_NAME, or a file NAME whose
// last line end is no part of it.
func lookupSecret(name string) (string, bool) {
	if v, ok := os.LookupEnv(secretVariable + name); ok {
		return v, true
	}
	dir := os.Getenv(secretFolder)
	if dir == "" {
		dir = mountedSecret
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "", false
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), true
}

// secrets finds what the stages of a run need. Where they need none, the store
// gets no salt.
func (w *Workspace) secrets(p *dag.Pipeline, sel dag.Selection) (dag.Secrets, error) {
	found, err := p.FindSecrets(sel, lookupSecret, nil)
	if err != nil || len(found.Values) == 0 {
		return found, err
	}
	found.Salt, err = w.salt()
	return found, err
}

const saltFile = "salt"

// salt reads the store's salt and makes it where it is missing. It is never
// given away: without it, a fingerprint in a shared result tells nothing.
func (w *Workspace) salt() ([]byte, error) {
	path := filepath.Join(w.Dir, saltFile)
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return b, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the salt of the store: %w", err)
	}
	b = make([]byte, 32)
	rand.Read(b)
	own := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(own, b, 0o600); err != nil {
		return nil, fmt.Errorf("make the salt of the store: %w", err)
	}
	defer os.Remove(own)
	// Of several processes that make one, the first wins.
	if err := os.Link(own, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the salt of the store: %w", err)
	}
	return os.ReadFile(path)
}
