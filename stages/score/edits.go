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
	// Between a beginning of the reference and each beginning of the text: the least
	// number of errors, and how many deletions are among them on the way that jiwer
	// goes. Where that way comes from can be told from the numbers around, so that a
	// row is enough and the matrix, 8 bytes by both lengths, is not kept.
	n, m := len(reference), len(text)
	rows := make([]int32, 2*(m+1))
	d, deleted := rows[:m+1], rows[m+1:]
	for j := range d {
		d[j] = int32(j)
	}
	for i := 1; i <= n; i++ {
		across, acrossDeleted := d[0], deleted[0] // of the row before, one to the left
		d[0], deleted[0] = int32(i), int32(i)
		for j := 1; j <= m; j++ {
			above, aboveDeleted := d[j], deleted[j]
			least := across
			if reference[i-1] != text[j-1] {
				least++
			}
			least = min(least, above+1, d[j-1]+1)
			switch {
			case least == above+1: // a deletion
				deleted[j]++
			case j > 1 && d[j-1] == across-1: // an insertion
				deleted[j] = deleted[j-1]
			default:
				deleted[j] = acrossDeleted
			}
			d[j], across, acrossDeleted = least, above, aboveDeleted
		}
	}
	// The rest follows: both lengths are known.
	deletions := int(deleted[m])
	insertions := deletions + m - n
	e.Deletions, e.Insertions = deletions, insertions
	e.Substitutions = int(d[m]) - deletions - insertions
	e.Hits += n - deletions - e.Substitutions
	return e
}
