package stages

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"pipe/stages/report"
	"pipe/stages/score"
)

// shownSentences bounds what the report shows of a text.
const shownSentences = 60

func summaryExample(s summarized, chosen []int) report.Example {
	e := report.Example{Title: fmt.Sprintf("Text %d", s.row), Note: "People wrote: " + firstBytes(strings.Join(s.references, " · "), 1000)}
	for i, one := range s.sentences[:min(len(s.sentences), shownSentences)] {
		e.Parts = append(e.Parts, report.Part{Text: firstBytes(one, 1000), Chosen: slices.Contains(chosen, i)})
	}
	if n := len(s.sentences) - shownSentences; n > 0 {
		e.Parts = append(e.Parts, report.Part{Text: fmt.Sprintf("… and %d more", n)})
	}
	return e
}

// page is the report.
func (x *summaryExam) page(k *EvaluateSummary) *report.Comparison {
	words := "words as they are"
	if k.Stem {
		words = "words by their stems"
	}
	if x.words.Unicode {
		words += ", of every script"
	}
	t := report.Table{Title: "ROUGE", Head: []string{"chosen", "ROUGE-1", "ROUGE-2", "ROUGE-L", "the model is better by, in ROUGE-1", "95 % of resamples"},
		Note: "F1 scores times 100, " + words + "; of several summaries of a text the best counts. The last column is the bootstrap interval of the difference, over texts."}
	best := 0
	for i := range len(summarySystems) - 1 { // the oracle knows the summaries
		if x.means(i)[0] > x.means(best)[0] {
			best = i
		}
	}
	for i, s := range summarySystems {
		m := x.means(i)
		cells := []string{s.name}
		for _, v := range m {
			cells = append(cells, fmt.Sprintf("%.2f", 100*v))
		}
		if i == 0 {
			cells = append(cells, "", "")
		} else {
			differences := make([]float64, x.rows())
			for r := range differences {
				differences[r] = 100 * (x.scores[0][r][0] - x.scores[i][r][0])
			}
			low, high := score.BootstrapMean(differences, bootstrapDraws, rand.New(rand.NewPCG(x.seed, uint64(i))))
			cells = append(cells, fmt.Sprintf("%+.2f", 100*(x.means(0)[0]-m[0])), fmt.Sprintf("%+.2f to %+.2f", low, high))
		}
		t.Rows = append(t.Rows, report.TableRow{Cells: cells, Best: i == best})
	}
	return &report.Comparison{
		Title:    "Summaries of " + k.Text,
		Subtitle: fmt.Sprintf("%d texts, %.1f sentences chosen of each on average, ranked by %s.", x.rows(), float64(x.taken)/float64(x.rows()), x.model.Settings().Method),
		Tables:   []report.Table{t}, Examples: x.examples,
	}
}
