package score

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestEditsOfTexts(t *testing.T) {
	for _, c := range []struct {
		reference, text string
		words           Edits
		wer, cer        float64
	}{
		{"one two three", "one two three", Edits{Hits: 3}, 0, 0},
		{"one two three", "one too three four", Edits{Hits: 2, Substitutions: 1, Insertions: 1}, 2.0 / 3, 6.0 / 13},
		{"one two", "", Edits{Deletions: 2}, 1, 1},
		{"", "one", Edits{Insertions: 1}, 1, 3},
		{"", "", Edits{}, 0, 0},
		{" seven  åtta ", "seven åtta", Edits{Hits: 2}, 0, 1.0 / 11},
		{"a", "b c d", Edits{Substitutions: 1, Insertions: 2}, 3, 5},
	} {
		var words, characters Edits
		words.AddWords(c.reference, c.text)
		characters.AddCharacters(c.reference, c.text)
		if words != c.words || math.Abs(words.Rate()-c.wer) > 1e-12 || math.Abs(characters.Rate()-c.cer) > 1e-12 {
			t.Errorf("%q and %q: %+v, %v, %v", c.reference, c.text, words, words.Rate(), characters.Rate())
		}
	}
}

// The counts are those of the way back through the whole matrix.
func TestEditsAreThoseOfTheWholeMatrix(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		letters := 1 + rng.IntN(4)
		draw := func() []rune {
			out := make([]rune, rng.IntN(14))
			for i := range out {
				out[i] = rune('a' + rng.IntN(letters))
			}
			return out
		}
		reference, text := draw(), draw()
		got, want := edits(reference, text), editsByMatrix(reference, text)
		if got != want {
			t.Fatalf("%q and %q: %+v, by the matrix %+v", string(reference), string(text), got, want)
		}
	}
}

// A recording of an hour has 50,000 letters: a matrix would take 10 GB.
func TestEditsTakeNoMatrix(t *testing.T) {
	long := func(step int) string {
		out := make([]byte, 4000)
		for i := range out {
			out[i] = byte('a' + i*i/step%26)
		}
		return string(out)
	}
	a, b := long(3), long(5)
	r := testing.Benchmark(func(t *testing.B) {
		t.ReportAllocs()
		for range t.N {
			new(Edits).AddCharacters(a, b)
		}
	})
	if got := r.AllocedBytesPerOp(); got > 200_000 {
		t.Errorf("4,000 letters take %d bytes", got)
	}
}

// editsByMatrix counts from the beginnings' matrix, going back from its end.
func editsByMatrix(reference, text []rune) (e Edits) {
	for len(reference) > 0 && len(text) > 0 && reference[0] == text[0] {
		reference, text, e.Hits = reference[1:], text[1:], e.Hits+1
	}
	for len(reference) > 0 && len(text) > 0 && reference[len(reference)-1] == text[len(text)-1] {
		reference, text, e.Hits = reference[:len(reference)-1], text[:len(text)-1], e.Hits+1
	}
	d := make([][]int, len(reference)+1)
	for i := range d {
		d[i] = make([]int, len(text)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			default:
				change := d[i-1][j-1]
				if reference[i-1] != text[j-1] {
					change++
				}
				d[i][j] = min(change, 1+d[i-1][j], 1+d[i][j-1])
			}
		}
	}
	for i, j := len(reference), len(text); i > 0 || j > 0; {
		switch {
		case i > 0 && (j == 0 || d[i][j] == d[i-1][j]+1):
			e.Deletions++
			i--
		case i == 0 || j > 1 && d[i][j-1] == d[i-1][j-1]-1:
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

const jiwer = `
import sys, json, jiwer
out = []
for reference, text in json.load(sys.stdin):
    w, c = jiwer.process_words(reference, text), jiwer.process_characters(reference, text)
    out.append([[x.hits, x.substitutions, x.deletions, x.insertions] for x in (w, c)] + [w.wer, c.cer])
print(json.dumps(out))
`

func TestEditsAreThoseOfJiwer(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" || exec.Command(python, "-c", "import jiwer").Run() != nil {
		t.Skip("skipped: PIPE_PYTHON names no Python with jiwer")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	texts := func() (all []string) {
		for range 3 {
			words := make([]string, rng.IntN(12))
			for i := range words {
				words[i] = []string{"a", "b", "ab", "ba", "åb"}[rng.IntN(5)]
			}
			all = append(all, strings.Join(words, " "))
		}
		return all
	}
	var questions [][2][]string
	for range 500 {
		questions = append(questions, [2][]string{texts(), texts()})
	}
	asked, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, "-c", jiwer)
	c.Stdin, c.Stderr = bytes.NewReader(asked), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var raw [][4]json.RawMessage
	if err := json.Unmarshal(out, &raw); err != nil || len(raw) != len(questions) {
		t.Fatal(len(raw), err)
	}
	for i, r := range raw {
		var a struct {
			words, characters [4]int
			wer, cer          float64
		}
		for k, to := range []any{&a.words, &a.characters, &a.wer, &a.cer} {
			if err := json.Unmarshal(r[k], to); err != nil {
				t.Fatal(err)
			}
		}
		var words, characters Edits
		for k, reference := range questions[i][0] {
			words.AddWords(reference, questions[i][1][k])
			characters.AddCharacters(reference, questions[i][1][k])
		}
		counts := func(e Edits) [4]int { return [4]int{e.Hits, e.Substitutions, e.Deletions, e.Insertions} }
		if counts(words) != a.words || counts(characters) != a.characters || math.Abs(words.Rate()-a.wer) > 1e-12 || math.Abs(characters.Rate()-a.cer) > 1e-12 {
			t.Errorf("%q: %+v %+v, jiwer %+v", questions[i], words, characters, a)
		}
	}
}
