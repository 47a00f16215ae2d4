package tokenizer

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder makes a text of tokens.
type decoder func(tokens []string) string

func newDecoder(c *component) (decoder, error) {
	if c == nil {
		return func(tokens []string) string { return strings.Join(tokens, " ") }, nil
	}
	step, err := newStep(c)
	if err != nil {
		return nil, err
	}
	return func(tokens []string) string { return strings.Join(step(tokens), "") }, nil
}

// step changes a list of tokens.
type step func(tokens []string) []string

func newStep(c *component) (step, error) {
	switch c.Type {
	case "Sequence":
		parts, err := c.list("decoders")
		var all []step
		for _, p := range parts {
			one, err := newStep(p)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return func(tokens []string) []string {
			for _, s := range all {
				tokens = s(tokens)
			}
			return tokens
		}, err
	case "ByteLevel":
		return func(tokens []string) []string {
			return []string{strings.ToValidUTF8(hidden(strings.Join(tokens, "")), "\uFFFD")}
		}, nil
	case "ByteFallback":
		return joinBytes, nil
	case "Fuse":
		return func(tokens []string) []string { return []string{strings.Join(tokens, "")} }, nil
	case "WordPiece":
		return newWordPieceStep(c)
	case "Metaspace":
		return newMetaspaceStep(c)
	case "BPEDecoder":
		suffix := "</w>"
		err := c.field("suffix", &suffix)
		return eachToken(func(token string, i, n int) string {
			space := " "
			if i == n-1 {
				space = ""
			}
			return strings.ReplaceAll(token, suffix, space)
		}), err
	case "Replace":
		n, err := newReplace(c)
		return eachToken(func(token string, _, _ int) string { return n.apply(token) }), err
	case "Strip":
		return newStripStep(c)
	}
	return nil, unknown("decoder", c)
}

func eachToken(f func(token string, i, n int) string) step {
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			out[i] = f(t, i, len(tokens))
		}
		return out
	}
}

// joinBytes makes characters of runs of tokens such as <0xE2>; a run that is no
// UTF-8 becomes one U+FFFD for each of its bytes.
func joinBytes(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		if len(run) == 0 {
			return
		}
		if utf8.Valid(run) {
			out = append(out, string(run))
		} else {
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if len(t) == 6 && strings.HasPrefix(t, "<0x") && t[5] == '>' {
			if b, err := strconv.ParseUint(t[3:5], 16, 8); err == nil {
				run = append(run, byte(b))
				continue
			}
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

// spacing takes back the spaces that cutting English text puts before marks and
// short forms.
var spacing = strings.NewReplacer(" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m", " do not", " don't", " 's", "'s", " 've", "'ve", " 're", "'re")

func newWordPieceStep(c *component) (step, error) {
	prefix, cleanup := "##", true
	err := c.read("prefix", &prefix, "cleanup", &cleanup)
	return eachToken(func(token string, i, _ int) string {
		if i > 0 {
			if rest, ok := strings.CutPrefix(token, prefix); ok {
				token = rest
			} else {
				token = " " + token
			}
		}
		if cleanup {
			token = spacing.Replace(token)
		}
		return token
	}), err
}

func newMetaspaceStep(c *component) (step, error) {
	mark, scheme := "▁", "always"
	err := c.read("replacement", &mark, "prepend_scheme", &scheme)
	return eachToken(func(token string, i, _ int) string {
		text := strings.ReplaceAll(token, mark, " ")
		if i == 0 && scheme != "never" {
			text = strings.TrimPrefix(text, " ")
		}
		return text
	}), err
}

// newStripStep takes up to so many characters from the ends of each token.
func newStripStep(c *component) (step, error) {
	content, start, stop := " ", 0, 0
	err := c.read("content", &content, "start", &start, "stop", &stop)
	return eachToken(func(token string, _, _ int) string {
		for range start {
			token = strings.TrimPrefix(token, content)
		}
		for range stop {
			token = strings.TrimSuffix(token, content)
		}
		return token
	}), err
}
