package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/score"
)

var summaryRowsSchema = arrow.NewSchema([]arrow.Field{
	{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "parts", Type: arrow.ListOf(arrow.BinaryTypes.String)},
	{Name: "summary", Type: arrow.ListOf(arrow.BinaryTypes.String)},
}, nil)

// notices is a table of texts whose last sentence but one says what they are about.
func notices(t testing.TB, s *artifacts.Store) artifacts.Ref {
	t.Helper()
	var rows []string
	for i, what := range []string{"bridge", "library", "school", "harbour", "station", "theatre", "market", "museum"} {
		for k, when := range []string{"on Monday", "in May", "this week"} {
			parts := []string{fmt.Sprintf("Number %d of the notices follows.", 10*i+k), "Many people asked for it.", "It was raining.", fmt.Sprintf("We announce that the %s opens %s.", what, when), "Thank you for reading."}
			parts = parts[i%2:]
			b, _ := json.Marshal(map[string]any{"text": strings.Join(parts, " "), "parts": parts, "summary": []string{"The " + what + " opens " + when, "News of the " + what}})
			rows = append(rows, string(b))
		}
	}
	return dagtest.Table(t, s, summaryRowsSchema, "["+strings.Join(rows, ",")+"]")
}

func loadSummarizer(t testing.TB, s *artifacts.Store, ref artifacts.Ref) *model.Summarizer {
	t.Helper()
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	served, err := model.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return served.(*model.Summarizer)
}

func TestSummariesAreLearntAndMeasured(t *testing.T) {
	s := dagtest.Store(t)
	data := notices(t, s)
	for _, in := range []map[string]artifacts.Ref{{"train": data}, {"train": data, "encoder": smallEncoder(t, s)}} {
		ref := dagtest.Run(t, s, dagtest.New(t, &FitSummary{}, "{method: learned, sentences: 1, decay: 0.001}"), in)["out"]
		m := loadSummarizer(t, s, ref)
		answers, err := m.PredictRows(context.Background(), []map[string]any{
			{"text": "Number 7 of the notices follows. It was raining. We announce that the pool opens today. Thank you for reading."},
			{"text": " "}, {"text": "Just this"},
		})
		if err != nil {
			t.Fatal(err)
		}
		one := answers[0]
		if one.Prediction != "We announce that the pool opens today." || len(one.Sentences) != 1 || one.Sentences[0].Index != 2 || one.Sentences[0].Score <= 0.25 || one.Sentences[0].Score > 1 {
			t.Errorf("%+v", one)
		}
		if answers[1].Prediction != "" || len(answers[1].Sentences) != 0 || answers[2].Prediction != "Just this" {
			t.Errorf("%+v, %+v", answers[1], answers[2])
		}
		for _, column := range []string{"text", "parts"} { // cut, and cut already
			out := dagtest.Run(t, s, dagtest.New(t, &EvaluateSummary{}, "{text: "+column+"}"), map[string]artifacts.Ref{"model": ref, "data": data})
			b, err := s.ReadAll(out["out"])
			if err != nil {
				t.Fatal(err)
			}
			r, err := score.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			got := r.Scalars()
			if r.Rows != 24 || got["sentences"] != 1 || got["rouge1"] != got["rouge1_oracle"] || got["rouge1"] < 0.7 || got["rouge1_lead"] != got["rouge1_lead1"] || got["rouge1_lead"] > 0.3 || got["rouge1_random"] >= got["rouge1"] {
				t.Errorf("%s: %v", column, got)
			}
			if len(got) != len(summarizeMetrics()) {
				t.Errorf("%d metrics, %d are declared", len(got), len(summarizeMetrics()))
			}
			page, err := s.ReadAll(out["report"])
			if err != nil || !strings.Contains(string(page), "<mark>We announce that the bridge opens on Monday.</mark>") {
				t.Errorf("%v\n%s", err, page)
			}
			rows, err := dag.OpenTable(s, out["summaries"], "summaries")
			if err != nil {
				t.Fatal(err)
			}
			for batch, err := range table.All(rows) {
				if err != nil || batch.NumRows() != 24 || batch.Column(1).ValueStr(0) != "[3]" {
					t.Errorf("%v, %v", err, batch)
				}
			}
			rows.Close()
		}
	}
}

func TestSummaryMethods(t *testing.T) {
	s := dagtest.Store(t)
	text := "The river flooded the old town on Monday. Rain had fallen on the hills for a week. The flooded river closed every bridge of the old town. A baker gave bread away. On Friday one bridge opens again."
	for with, want := range map[string]string{
		"{method: centroid, sentences: 2}":                       "The river flooded the old town on Monday. The flooded river closed every bridge of the old town.",
		"{method: lexrank, sentences: 1}":                        "The flooded river closed every bridge of the old town.",
		"{method: directed, sentences: 1, threshold: 0}":         "The river flooded the old town on Monday.",
		"{method: lead, ratio: 0.4}":                             "The river flooded the old town on Monday. Rain had fallen on the hills for a week.",
		"{method: lead, sentences: 1, cut: lines}":               text,
		"{method: centroid, sentences: 9, diversity: 1}":         text,
		"{method: lead, sentences: 1, ratio: 0, text: abstract}": "The river flooded the old town on Monday.",
	} {
		m := loadSummarizer(t, s, dagtest.Run(t, s, dagtest.New(t, &FitSummary{}, with), nil)["out"])
		column := m.Signature().Inputs[0].Name
		got, err := m.PredictRows(context.Background(), []map[string]any{{column: text}})
		if err != nil || got[0].Prediction != want {
			t.Errorf("%s: %v, %v", with, got, err)
		}
	}
	m := loadSummarizer(t, s, dagtest.Run(t, s, dagtest.New(t, &FitSummary{}, ""), nil)["out"])
	if _, err := m.PredictRows(context.Background(), []map[string]any{{"text": strings.Repeat("A b c. ", model.MaxSentences+1)}}); err == nil || !strings.Contains(err.Error(), "4001 sentences") {
		t.Errorf("%v", err)
	}
	if _, err := m.PredictRows(context.Background(), []map[string]any{{"text": 7}}); err == nil || !strings.Contains(err.Error(), "must be text") {
		t.Errorf("%v", err)
	}
}

func TestSummaryRefuses(t *testing.T) {
	s := dagtest.Store(t)
	null := dagtest.Table(t, s, summaryRowsSchema, `[{"text": "A. B.", "parts": ["a"], "summary": ["a"]}, {"text": null, "parts": ["a"], "summary": ["a"]}]`)
	strange := dagtest.Table(t, s, summaryRowsSchema, `[{"text": "Quick foxes. Lazy dogs.", "parts": ["a"], "summary": ["zebra"]}]`)
	fit := func(data artifacts.Ref) error {
		_, err := dagtest.TryRun(t, s, dagtest.New(t, &FitSummary{}, "{method: learned}"), map[string]artifacts.Ref{"train": data})
		return err
	}
	for data, want := range map[artifacts.Ref]string{null: `train: row 2, column "text": the text is null`, strange: "of 1, 0 have fewer than two sentences, 0 have no summary with a word, and 1 share no word with their summary"} {
		if err := fit(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	m := dagtest.Run(t, s, dagtest.New(t, &FitSummary{}, ""), nil)["out"]
	empty := dagtest.Table(t, s, summaryRowsSchema, `[]`)
	if _, err := dagtest.TryRun(t, s, dagtest.New(t, &EvaluateSummary{}, ""), map[string]artifacts.Ref{"model": m, "data": empty}); err == nil || !strings.Contains(err.Error(), "no rows") {
		t.Errorf("%v", err)
	}
}

// Texts whose summaries have no word by ROUGE's measure are told of.
func TestSummariesWithoutWords(t *testing.T) {
	s := dagtest.Store(t)
	russian := dagtest.Table(t, s, summaryRowsSchema, `[{"text": "Кошки спят. Мост открыт в мае.", "parts": [], "summary": ["мост открыт"]}, {"text": "Мост закрыт. Идёт дождь.", "parts": [], "summary": ["мост закрыт"]}]`)
	some := dagtest.Table(t, s, summaryRowsSchema, `[{"text": "A cat. A dog.", "parts": [], "summary": ["a cat"]}, {"text": "A cat. A dog.", "parts": [], "summary": ["!!!"]}, {"text": "A cat.", "parts": [], "summary": []}]`)
	none := dagtest.Table(t, s, summaryRowsSchema, `[{"text": "A cat. A dog.", "parts": [], "summary": [""]}]`)
	m := dagtest.Run(t, s, dagtest.New(t, &FitSummary{}, "{method: lead, sentences: 1}"), nil)["out"]
	for _, c := range []struct {
		kind dag.Kind
		data artifacts.Ref
		want string
	}{
		{dagtest.New(t, &EvaluateSummary{}, ""), russian, `rouge-score knows no other words; set "words: unicode"`},
		{dagtest.New(t, &EvaluateSummary{}, "{words: unicode}"), russian, "2 texts, ROUGE-1/2/L: 50.00/50.00/50.00"},
		{dagtest.New(t, &EvaluateSummary{}, ""), some, "2 of 3 texts have no summary with a word, row 2 first; they count as 0"},
		{dagtest.New(t, &EvaluateSummary{}, ""), none, "has a word, so there is nothing to compare with"},
		{dagtest.New(t, &FitSummary{}, "{method: learned}"), russian, `rouge-score knows no other words; set "words: unicode"`},
		{dagtest.New(t, &FitSummary{}, "{method: learned, words: unicode}"), russian, "2 texts with 4 sentences to learn from"},
		{dagtest.New(t, &FitSummary{}, "{method: learned}"), some, "left out: 0 have fewer than two sentences, 2 have no summary with a word"},
	} {
		in, said := map[string][]artifacts.Ref{"train": {c.data}}, ""
		if _, ok := c.kind.(*EvaluateSummary); ok {
			in = map[string][]artifacts.Ref{"model": {m}, "data": {c.data}}
		}
		_, _, err := dag.RunKind(t.Context(), s, c.kind, in, 1, nil, t.TempDir(), func(e dag.Event) { said += e.Text + "\n" })
		if said += fmt.Sprint(err); !strings.Contains(said, c.want) {
			t.Errorf("%s\nwant %s", said, c.want)
		}
	}
}
