package score

import "strings"

// Edits counts how texts differ from what they should be: what equals it in order, and
// the least number of substitutions, deletions and insertions that make the one of the
// other (V. I. Levenshtein 1966). Of several ways to come to that number it is the one
// that jiwer counts.
type Edits struct{ Hits, Substitutions, Deletions, Insertions int }

// Errors is how many edits there are.
func (e Edits) Errors() int { return e.Substitutions + e.Deletions + e.Insertions }

// Length is how long the references are.
func (e Edits) Length() int { return e.Hits + e.Substitutions + e.Deletions }

// Rate is the errors by the length of the references, word error rate or character
// error rate; it may be above 1. Without references it is the number of errors, as in
// jiwer.
func (e Edits) Rate() float64 { return float64(e.Errors()) / float64(max(e.Length(), 1)) }

func (e *Edits) add(o Edits) {
	e.Hits += o.Hits
	e.Substitutions += o.Substitutions
	e.Deletions += o.Deletions
	e.Insertions += o.Insertions
}

// AddWords compares the words of a text with those of what it should be.
func (e *Edits) AddWords(reference, text string) {
	e.add(edits(strings.Fields(reference), strings.Fields(text)))
}

// AddCharacters compares characters, spaces between words among them.
func (e *Edits) AddCharacters(reference, text string) {
	e.add(edits([]rune(strings.TrimSpace(reference)), []rune(strings.TrimSpace(text))))
}

func edits[T comparable](reference, text []T) (e Edits) {
	for len(reference) > 0 && len(text) > 0 && reference[0] == text[0] {
		reference, text, e.Hits = reference[1:], text[1:], e.Hits+1
	}
	for len(reference) > 0 && len(text) > 0 && reference[len(reference)-1] == text[len(text)-1] {
		reference, text, e.Hits = reference[:len(reference)-1], text[:len(text)-1], e.Hits+1
	}
	n, m := len(reference), len(text)
	width := m + 1
	d := make([]int32, (n+1)*width) // errors between beginnings
	for i := range n + 1 {
		for j := range m + 1 {
			switch {
			case i == 0:
				d[j] = int32(j)
			case j == 0:
				d[i*width] = int32(i)
			default:
				change := d[(i-1)*width+j-1]
				if reference[i-1] != text[j-1] {
					change++
				}
				d[i*width+j] = min(change, 1+min(d[(i-1)*width+j], d[i*width+j-1]))
			}
		}
	}
	for i, j := n, m; i > 0 || j > 0; {
		switch {
		case i > 0 && (j == 0 || d[i*width+j] == d[(i-1)*width+j]+1):
			e.Deletions++
			i--
		case i == 0 || j > 1 && d[i*width+j-1] == d[(i-1)*width+j-1]-1:
			e.Insertions++
			j--
		default:
			if reference[i-1] == text[j-1] {
				e.Hits++
			} else {
				e.Substitutions++
			}
			i, j = i-1, j-1
		}
	}
	return e
}
