package stages

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/score"
	"pipe/stages/transform"
)

// summarized is a text with summaries that people wrote.
type summarized struct {
	row        int64
	sentences  []string
	references []string
}

func sentencesOf(some []summarized) [][]string {
	out := make([][]string, len(some))
	for i, s := range some {
		out[i] = s.sentences
	}
	return out
}

func rougeTexts(texts []string, words score.RougeWords) []score.RougeText {
	out := make([]score.RougeText, len(texts))
	for i, t := range texts {
		out[i] = score.NewRougeText(t, words)
	}
	return out
}

// wordless tells whether no summary of a text has a word.
func wordless(references []score.RougeText) bool {
	return !slices.ContainsFunc(references, func(r score.RougeText) bool { return !r.Empty() })
}

// anyWord tells whether some text has a word of any script.
func anyWord(texts []string) bool {
	return !wordless(rougeTexts(texts, score.RougeWords{Unicode: true}))
}

// noWords is the error about summaries of which none has a word; other tells whether
// one has words of other scripts.
func noWords(port, column string, words score.RougeWords, other bool) error {
	if words.Unicode || !other {
		return fmt.Errorf("%s: no summary in the column %q has a word, so there is nothing to compare with", port, column)
	}
	return fmt.Errorf("%s: no summary in the column %q has a letter of a–z or a digit, and rouge-score knows no other words; set \"words: unicode\" to compare words of every script", port, column)
}

// checkTextOrList wants a column of texts, or of lists of them.
func checkTextOrList(c *dag.Check, port, field, column string) {
	if f, ok := c.Column(port, field, column); ok && f.Type.ID() != arrow.STRING && !isTextList(f.Type) {
		c.Errorf(field, "must be text or a list of texts; %q is %s", column, table.TypeName(f.Type))
	}
}

func isTextList(t arrow.DataType) bool {
	l, ok := t.(*arrow.ListType)
	return ok && l.Elem().ID() == arrow.STRING
}

// summarizedStep is how many texts are worked on side by side.
const summarizedStep = 32

// eachSummarized calls f with the texts of a table and their summaries, some at a time.
// A text that is a list is taken as its sentences, any other is cut.
func eachSummarized(ctx context.Context, env *dag.Env, port, text, summary string, m *model.Summarizer, f func(some []summarized) error) error {
	var some []summarized
	flush := func() error {
		defer func() { some = some[:0] }()
		if len(some) == 0 {
			return nil
		}
		return f(some)
	}
	err := eachColumns(ctx, env, port, []string{text, summary}, func(batch arrow.RecordBatch, first int64) error {
		for i := range int(batch.NumRows()) {
			s := summarized{row: first + int64(i)}
			texts, list, err := cellTexts(batch.Column(0), i, port, s.row, text)
			if err == nil {
				s.references, _, err = cellTexts(batch.Column(1), i, port, s.row, summary)
			}
			if err != nil {
				return err
			}
			if list {
				s.sentences = m.Given(texts)
			} else {
				s.sentences = m.Cut(texts[0])
			}
			if len(s.sentences) > model.MaxSentences {
				return fmt.Errorf("%s: %w", port, model.TooLong(s.row, text, len(s.sentences)))
			}
			if some = append(some, s); len(some) == summarizedStep {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	return flush()
}

// cellTexts gives the text of a cell, or the texts of its list.
func cellTexts(col arrow.Array, i int, port string, row int64, column string) (texts []string, list bool, err error) {
	if col.IsNull(i) {
		return nil, false, nullText(port, row, column)
	}
	if text, ok := col.(*array.String); ok {
		return []string{strings.Clone(text.Value(i))}, false, nil
	}
	texts, list, err = model.TextList(col, i)
	switch {
	case err != nil:
		return nil, true, fmt.Errorf("%s: %w", port, &transform.RowError{Row: row, Column: column, Msg: err.Error()})
	case !list:
		return nil, false, fmt.Errorf("%s: column %q must be text or a list of texts, is %s", port, column, table.TypeName(col.DataType()))
	}
	return texts, true, nil
}
