package dag

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"pipe/dag/text"
)

// A secret is written ${secret.NAME} in a stage's configuration. A loaded
// pipeline holds a mark in its place, and so does everything that is made of it:
// keys, the registry, messages. The value is put in when the stage runs, into a
// configuration of its own that nobody else sees, and is taken out of whatever
// the stage says. In the key stands a fingerprint, salted by the store.

// secretMark is what stands for a secret until the stage runs; it is made of
// characters that an address may have in every part.
var secretMark = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`__secret\.([A-Za-z][A-Za-z0-9_]*?)__`) })

// secretName is what ${…} holds for one.
var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*secret\.([A-Za-z][A-Za-z0-9_]*)\s*$`) })

// mentionsSecret finds an expression that would compute with a secret.
var mentionsSecret = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(^|[^A-Za-z0-9_.'"])secret\s*[.\[]`) })

func markOf(name string) string { return "__secret." + name + "__" }

// HoldsSecret tells whether a value has a secret in it, so that what it is will
// be known only when the stage runs.
func HoldsSecret(s string) bool { return secretMark().MatchString(s) }

// ShowSecrets writes each secret of a value as the pipeline does, ${secret.NAME}.
func ShowSecrets(s string) string { return secretMark().ReplaceAllString(s, "$${secret.$1}") }

// secret gives the mark for an expression that names a secret; known tells that
// the expression is about one, well-formed or not.
func (l *loader) secret(n *text.Node, p templatePart) (mark string, known bool) {
	m := secretName().FindStringSubmatch(p.text)
	switch {
	case m == nil && !mentionsSecret().MatchString(p.text):
		return "", false
	case m == nil:
		l.problems.Add(&text.Problem{Code: "secret", Pos: n.Pos, Text: "${" + strings.TrimSpace(p.text) + "}: nothing is computed with a secret", Hint: "write ${secret.NAME} by itself; it may stand inside of other text"})
	case !l.secrets:
		l.problems.Add(&text.Problem{Code: "secret", Pos: n.Pos, Text: "a secret may stand under with: only", Hint: "everything else is written down in the registry"})
	case strings.Contains(m[1], "__") || strings.HasSuffix(m[1], "_"):
		l.problems.Add(&text.Problem{Code: "name", Pos: n.Pos, Text: fmt.Sprintf("secret %q: a name has no two _ in a row and none at its end", m[1])})
	default:
		return markOf(m[1]), true
	}
	return "", true
}

// substituteWith carries out the expressions under `with:`, where secrets may
// stand.
func (l *loader) substituteWith(sc *scope, n *text.Node) {
	l.secrets = true
	l.substitute(sc, n)
	l.secrets = false
}

// secretsIn lists the secrets that a tree names, sorted.
func secretsIn(n *text.Node) (names []string) {
	if n == nil {
		return nil
	}
	if s, ok := n.Value.(string); ok && strings.Contains(s, "__secret.") {
		for _, m := range secretMark().FindAllStringSubmatch(s, -1) {
			names = append(names, m[1])
		}
	}
	for _, it := range n.Items {
		names = append(names, secretsIn(it)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Secrets are the values of a run's secrets, and the store's salt for their
// fingerprints. The zero value has none.
type Secrets struct {
	Values map[string]string
	Salt   []byte
}

// shortestSecret is how long a secret must be: a shorter one could only be hidden
// by making what people read illegible.
const shortestSecret = 4

// FindSecrets looks up the secrets that the stages of a selection name, and
// those of the hooks. All that are not given are reported at once.
func (p *Pipeline) FindSecrets(sel Selection, lookup func(name string) (string, bool), salt []byte) (Secrets, error) {
	found := Secrets{Values: map[string]string{}, Salt: salt}
	c, err := p.choose(sel)
	if err != nil {
		return found, err
	}
	var missing text.Problems
	for _, s := range append(slices.Clone(c.stages), p.Hooks.All()...) {
		for _, name := range s.Secrets {
			if _, known := found.Values[name]; known {
				continue
			}
			v, ok := lookup(name)
			if ok && v != "" && len(v) < shortestSecret {
				missing.Add(&text.Problem{Code: "secret", Pos: s.with.Pos, Text: fmt.Sprintf("stage %q: the secret %q has fewer than %d bytes", s.label, name, shortestSecret),
					Hint: "so short a value stands everywhere by chance, and cannot be taken out of what stages say; give a longer one, or make it a param"})
				found.Values[name] = v // told once
				continue
			}
			if ok && v != "" {
				found.Values[name] = v
				continue
			}
			missing.Add(&text.Problem{Code: "missing-secret", Pos: s.with.Pos, Text: fmt.Sprintf("stage %q: the secret %q is not given", s.label, name),
				Hint: fmt.Sprintf("set PIPE_SECRET_%s, or put it into the file %s of the folder that PIPE_SECRETS names", name, name)})
		}
	}
	return found, missing.Err()
}

// fingerprints tell, in a key, whether a stage's secrets are the same as before.
func (x Secrets) fingerprints(names []string) map[string]string {
	if len(names) == 0 {
		return nil
	}
	out := make(map[string]string, len(names))
	for _, name := range names {
		h := hmac.New(sha256.New, x.Salt)
		h.Write([]byte(name + "\x00" + x.Values[name]))
		out[name] = hex.EncodeToString(h.Sum(nil)[:16])
	}
	return out
}

// reveal decodes a stage's configuration with the values in it.
func (x Secrets) reveal(s *Stage) (Kind, error) {
	if len(s.Secrets) == 0 {
		return s.Kind, nil
	}
	for _, name := range s.Secrets {
		if x.Values[name] == "" {
			return nil, fmt.Errorf("the secret %q is not given", name)
		}
	}
	with := s.with.Clone()
	x.putIn(with)
	var problems text.Problems
	kind := s.Info.New()
	(&text.Decoder{Problems: &problems}).Known(with, kind, "with")
	if problems.Len() > 0 {
		return nil, fmt.Errorf("with the secrets put in: %s", problems.Sorted()[0].Text)
	}
	return kind, nil
}

func (x Secrets) putIn(n *text.Node) {
	if s, ok := n.Value.(string); ok && strings.Contains(s, "__secret.") {
		n.Value = secretMark().ReplaceAllStringFunc(s, func(mark string) string { return x.Values[secretMark().FindStringSubmatch(mark)[1]] })
	}
	for _, it := range n.Items {
		x.putIn(it)
	}
}
