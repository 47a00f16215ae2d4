package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// addedToken is a token that is looked for in the text itself, before the model
// sees it.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"` // takes the white space before it
	RStrip     bool   `json:"rstrip"` // and after it
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// added holds the tokens by where they are looked for: in the text as it is, or
// after it was normalised.
type added struct {
	raw, normalized finder
	special         map[int32]bool
}

func newAdded(tokens []addedToken, n normalizer) added {
	a := added{special: map[int32]bool{}}
	for _, t := range tokens {
		if t.Special {
			a.special[t.ID] = true
		}
		if t.Content == "" {
			continue
		}
		if t.Normalized {
			if t.Content = n.apply(t.Content); t.Content != "" {
				a.normalized = append(a.normalized, t)
			}
		} else {
			a.raw = append(a.raw, t)
		}
	}
	return a
}

// finder looks for tokens in a text.
type finder []addedToken

// cut calls yield with the tokens (their id) and the pieces between them (id -1),
// in order; at is where the piece begins in the text.
func (f finder) cut(text string, yield func(piece string, id int32, at int)) {
	if len(f) == 0 {
		if text != "" {
			yield(text, -1, 0)
		}
		return
	}
	from, at := 0, 0
	for at < len(text) {
		t, start, end := f.next(text, at, from)
		if t == nil {
			break
		}
		if start > from {
			yield(text[from:start], -1, from)
		}
		yield(text[start:end], t.ID, start)
		from, at = end, end
	}
	if from < len(text) {
		yield(text[from:], -1, from)
	}
}

// next finds the first token from at on; of several at one place the longest. The
// white space that it takes begins not before from.
func (f finder) next(text string, at, from int) (found *addedToken, start, end int) {
	best := len(text)
	for i := range f {
		t := &f[i]
		for place := at; ; {
			j := strings.Index(text[place:], t.Content)
			if j < 0 || place+j > best {
				break
			}
			s, e := place+j, place+j+len(t.Content)
			if t.SingleWord && !alone(text, s, e) {
				place = s + 1
				continue
			}
			if found == nil || s < best || len(t.Content) > len(found.Content) {
				found, best, start, end = t, s, s, e
			}
			break
		}
	}
	if found == nil {
		return nil, 0, 0
	}
	if found.LStrip {
		start = from + len(strings.TrimRightFunc(text[from:start], unicode.IsSpace))
	}
	if found.RStrip {
		end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
	}
	return found, start, end
}

// alone tells whether no word character touches text[s:e].
func alone(text string, s, e int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:s])
	after, _ := utf8.DecodeRuneInString(text[e:])
	word := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) }
	return (s == 0 || !word(before)) && (e == len(text) || !word(after))
}
