package text

import (
	"bytes"
	"runtime"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// largeText is from where a file is read in parts: below, that saves nothing.
const largeText = 256 << 10

// parseInParts reads the entries of `stages:` on all cores, cut between lines
// that begin at the entries' indentation. A large file consists of little else,
// and the library takes a third of the time of its plan.
//
// A cut within a list in brackets, a quoted text or whatever else may go over such
// lines leaves a part that cannot be read by itself, as does an alias whose anchor
// is elsewhere. Then, and where anything else is out of the ordinary, the result
// is nil, and the text must be read as a whole, which finds what is wrong with it, too.
func parseInParts(data []byte, parts int) *yaml.Node {
	s := cut(data, parts)
	if s == nil {
		return nil
	}
	docs := make([]*yaml.Node, len(s.parts))
	var all sync.WaitGroup
	for i, p := range s.parts {
		all.Go(func() {
			doc, err := parseYAML(p.text)
			if err != nil || doc.Content[0].Kind != yaml.MappingNode || doc.Content[0].Style&yaml.FlowStyle != 0 || doc.Content[0].Anchor != "" {
				return
			}
			move(doc.Content[0], p.above)
			docs[i] = doc.Content[0]
		})
	}
	doc, err := parseYAML(s.around)
	all.Wait()
	if err != nil || doc.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	entries := 0
	for _, d := range docs {
		if d == nil {
			return nil
		}
		entries += len(d.Content)
	}
	top := doc.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		if top[i].Line != s.line {
			continue
		}
		if v := top[i+1]; top[i].Value != stagesKey || v.Kind != yaml.ScalarNode || v.Tag != "!!null" || v.Value != "" || v.Anchor != "" {
			return nil
		}
		joined := docs[0]
		joined.Content = append(make([]*yaml.Node, 0, entries), joined.Content...)
		for _, d := range docs[1:] {
			joined.Content = append(joined.Content, d.Content...)
		}
		top[i+1] = joined
		return doc
	}
	return nil
}

// stagesKey is the key whose entries a large file consists of.
const stagesKey = "stages"

// pieces are a text that was cut.
type pieces struct {
	around []byte // the text, with empty lines in place of the parts
	line   int    // of the key
	parts  []piece
}

type piece struct {
	text  []byte
	above int // how many lines are above it
}

// cut takes a text apart; nil where that cannot be done, or not safely.
func cut(data []byte, parts int) *pieces {
	key := []byte("\n" + stagesKey + ":")
	at := bytes.Index(append([]byte{'\n'}, data[:min(len(data), 1<<16)]...), key)
	if at < 0 {
		return nil
	}
	eol := bytes.IndexByte(data[at:], '\n')
	if eol < 0 || strings.TrimRight(string(data[at+len(stagesKey)+1:at+eol]), " \r") != "" {
		return nil
	}
	begin := at + eol + 1
	end := begin + endOfBlock(data[begin:])
	head, body, rest := data[:begin], data[begin:end], data[end:]
	switch {
	case bytes.HasPrefix(head, []byte("%")) || bytes.Contains(head, []byte("\n%")):
		return nil // a directive may give tags another meaning
	case bytes.Contains(body, []byte("? ")) || bytes.Contains(body, []byte("?\n")) || bytes.Contains(body, []byte("?\r")) || bytes.Contains(body, []byte("?\t")):
		return nil // perhaps a key without a value, which stands where the next part begins
	case bytes.IndexByte(rest, '*') >= 0:
		return nil // perhaps an alias of what has its name in the parts
	case bytes.Count(data, []byte("\r")) != bytes.Count(data, []byte("\r\n")):
		return nil // to YAML, this ends a line, and so do these
	case bytes.Contains(data, []byte("\u0085")) || bytes.Contains(data, []byte("\u2028")) || bytes.Contains(data, []byte("\u2029")):
		return nil
	}
	s := &pieces{line: bytes.Count(head, []byte("\n"))}
	above := s.line
	indent := indentation(body)
	if indent == 0 {
		return nil
	}
	for from := 0; from < len(body); {
		to := len(body)
		if size := len(body) / parts; len(s.parts) < parts-1 && from+size < to {
			to = from + size + nextEntry(body[from+size:], indent)
		}
		s.parts = append(s.parts, piece{body[from:to], above})
		above += bytes.Count(body[from:to], []byte("\n"))
		from = to
	}
	if len(s.parts) < 2 {
		return nil
	}
	s.around = append(bytes.Clone(head), bytes.Repeat([]byte("\n"), above-s.line)...)
	s.around = append(s.around, rest...)
	return s
}

// endOfBlock finds the first line that is neither indented nor empty nor a comment.
func endOfBlock(text []byte) int {
	for at := 0; ; {
		if at < len(text) && !strings.ContainsRune(" #\r\n", rune(text[at])) {
			return at
		}
		eol := bytes.IndexByte(text[at:], '\n')
		if eol < 0 {
			return len(text)
		}
		at += eol + 1
	}
}

// indentation is that of the first entry, or 0 where something else comes first.
func indentation(text []byte) int {
	for line := range bytes.Lines(text) {
		words := bytes.TrimLeft(line, " ")
		if len(words) > 0 && !strings.ContainsRune("#\r\n", rune(words[0])) {
			if isEntry(words[0]) {
				return len(line) - len(words)
			}
			return 0
		}
	}
	return 0
}

// nextEntry finds where a line begins with so many spaces and a letter, a digit or
// a quote: what else may stand there, such as the - of a list or the : below a ?, belongs to what is
// above.
func nextEntry(text []byte, indent int) int {
	for at := 0; ; {
		eol := bytes.IndexByte(text[at:], '\n')
		if eol < 0 {
			return len(text)
		}
		at += eol + 1
		words := bytes.TrimLeft(text[at:], " ")
		if len(text)-at-len(words) == indent && len(words) > 0 && isEntry(words[0]) {
			return at
		}
	}
}

func isEntry(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '"' || c == '\''
}

// move gives the nodes of a part the lines that they have in the whole.
func move(n *yaml.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		move(c, lines)
	}
}

// parseText reads a document: a large one in parts, where it can.
func parseText(data []byte) (*yaml.Node, error) {
	if cores := runtime.GOMAXPROCS(0); len(data) >= largeText && cores > 1 {
		if doc := parseInParts(data, min(cores, 16)); doc != nil {
			return doc, nil
		}
	}
	return parseYAML(data)
}
