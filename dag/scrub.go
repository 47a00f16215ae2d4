package dag

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scrubber takes the secrets of a stage out of what it says; nil has none.
type scrubber struct {
	replacer *strings.Replacer
	values   map[string]string
	longest  int
}

// scrub makes the scrubber of a stage: the values as they are, line by line
// where they have several, and as addresses, JSON and base64 spell them.
func (x Secrets) scrub(names []string) *scrubber {
	if len(names) == 0 {
		return nil
	}
	sc := &scrubber{values: map[string]string{}}
	type pair struct{ from, to string }
	var pairs []pair
	for _, name := range names {
		v := x.Values[name]
		if v == "" {
			continue
		}
		sc.values[name], sc.longest = v, max(sc.longest, len(v))
		forms := []string{v, strings.TrimSpace(v), url.QueryEscape(v), url.PathEscape(v), base64.StdEncoding.EncodeToString([]byte(v))}
		if b, err := json.Marshal(v); err == nil {
			forms = append(forms, string(b[1:len(b)-1]))
		}
		for _, line := range strings.Split(v, "\n") {
			if len(line) >= 8 {
				forms = append(forms, line)
			}
		}
		for _, f := range forms {
			if f != "" {
				pairs = append(pairs, pair{f, "${secret." + name + "}"})
			}
		}
	}
	// The longest first: a secret may be the beginning of another one.
	slices.SortStableFunc(pairs, func(a, b pair) int { return len(b.from) - len(a.from) })
	var flat []string
	for _, p := range pairs {
		flat = append(flat, p.from, p.to)
	}
	sc.replacer = strings.NewReplacer(flat...)
	return sc
}

func (sc *scrubber) text(s string) string {
	if sc == nil {
		return s
	}
	return sc.replacer.Replace(s)
}

// event takes the secrets out of an event's words.
func (sc *scrubber) event(e *Event) {
	if sc == nil {
		return
	}
	e.Text, e.Unit = sc.text(e.Text), sc.text(e.Unit)
	for i := range e.Metrics {
		e.Metrics[i].Name = sc.text(e.Metrics[i].Name)
	}
}

// scrubbedError shows an error without the secrets in it.
type scrubbedError struct {
	error
	text string
}

func (e *scrubbedError) Error() string { return e.text }
func (e *scrubbedError) Unwrap() error { return e.error }

func (sc *scrubber) err(err error) error {
	if sc == nil || err == nil {
		return err
	}
	if t := sc.text(err.Error()); t != err.Error() {
		return &scrubbedError{err, t}
	}
	return err
}

// SecretOutputError is an output that would have brought a secret into the
// store.
type SecretOutputError struct{ Secret string }

func (e *SecretOutputError) Error() string {
	return fmt.Sprintf("it holds the secret %q, which would stay in the store for everybody to read; the output is not kept", e.Secret)
}

// watch lets through what is written until a secret is in it.
func (sc *scrubber) watch(w io.Writer) io.Writer {
	if sc == nil {
		return w
	}
	return &secretWatch{w: w, scrubber: sc}
}

type secretWatch struct {
	w        io.Writer
	scrubber *scrubber
	tail     []byte // the end of what was written before: a secret may be cut
}

func (s *secretWatch) Write(b []byte) (int, error) {
	seen := append(s.tail, b...)
	if name := s.scrubber.found(seen); name != "" {
		return 0, &SecretOutputError{name}
	}
	keep := max(len(seen)-s.scrubber.longest, 0)
	s.tail = append([]byte(nil), seen[keep:]...)
	return s.w.Write(b)
}

// found names the secret that stands in b, or gives "".
func (sc *scrubber) found(b []byte) string {
	for _, name := range sortedKeys(sc.values) {
		if bytes.Contains(b, []byte(sc.values[name])) {
			return name
		}
	}
	return ""
}

// file looks for secrets in a file, or in all files of a folder.
func (sc *scrubber) file(path string) error {
	if sc == nil {
		return nil
	}
	return filepath.WalkDir(path, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(sc.watch(io.Discard), f)
		return errors.Join(err, f.Close())
	})
}
