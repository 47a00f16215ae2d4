package stages

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/score"
	"pipe/stages/tokenizer"
	"pipe/stages/transform"
)

// smallEncoder has random weights: texts with words in common are near each other.
func smallEncoder(t testing.TB, s *artifacts.Store) artifacts.Ref {
	t.Helper()
	tr := tokenizer.NewTrainer()
	for _, row := range faqRows {
		tr.Add(row[0])
	}
	tok, err := tr.Train(400, 1)
	if err != nil {
		t.Fatal(err)
	}
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{24}}, nn.Context{Vocab: tok.Size()},
		[]nn.Layer{&nn.Embedding{Dim: 64, MaskZero: true, Initializer: nn.RandomNormal}, &nn.GlobalAvgPool{}, &nn.UnitNorm{}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	e, err := model.NewEncoder(model.Training{}, model.History{}, transform.NewSubwords(transform.Tokens{Column: "question", MaxLen: 24, Nulls: "error"}, tok), n)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := s.CreateFolder(artifacts.Model)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Save(draft); err != nil {
		t.Fatal(err)
	}
	ref, err := draft.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

var faqRows = [][3]string{
	{"How do I get my money back?", "Ask for a refund in the app.", "refunds.html"},
	{"I want my money back, how?", "Ask for a refund in the app.", "refunds.html"},
	{"When does my card arrive?", "Cards take five days.", "cards.html"},
	{"My card has not arrived yet, when does it arrive?", "Cards take five days.", "cards.html"},
	{"How do I change the PIN of my card?", "At any cash machine.", "pin.html"},
	{"Where do I change my PIN?", "At any cash machine.", "pin.html"},
}

func faqTable(t testing.TB, s *artifacts.Store, rows [][3]string) artifacts.Ref {
	t.Helper()
	path := filepath.Join(t.TempDir(), "faq.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	w.Write([]string{"question", "answer", "page"})
	for _, row := range rows {
		w.Write(row[:])
	}
	w.Flush()
	f.Close()
	return dagtest.Run(t, s, dagtest.New(t, &SourceFile{}, "{path: "+path+"}"), nil)["out"]
}

func fittedAnswers(t testing.TB, s *artifacts.Store) (*model.Answers, artifacts.Ref, artifacts.Ref) {
	t.Helper()
	faq := faqTable(t, s, faqRows)
	strange := faqTable(t, s, [][3]string{{"zebra quilt vex jump", "-", "-"}, {"The weather is fine", "-", "-"}, {"xylophone", "-", "-"}})
	ref := dagtest.Run(t, s, dagtest.New(t, &FitAnswers{}, "{source: page, threshold: 0.5, unknown: Ask a person.}"),
		map[string]artifacts.Ref{"faq": faq, "encoder": smallEncoder(t, s), "out_of_scope": strange})["out"]
	folder, err := s.OpenFolder(ref)
	if err != nil {
		t.Fatal(err)
	}
	served, err := model.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return served.(*model.Answers), ref, strange
}

func TestAnswersFromATable(t *testing.T) {
	s := dagtest.Store(t)
	a, ref, strange := fittedAnswers(t, s)
	ctx := context.Background()
	replies, err := a.Ask(ctx, []string{"when does my card arrive", "money back!", "xylophone zebra"})
	if err != nil {
		t.Fatal(err)
	}
	if r := replies[0]; !r.Known || r.Answer != "Cards take five days." || r.Source != "cards.html" || len(r.Near) != 3 || r.Confidence <= 0.5 {
		t.Errorf("%+v", r)
	}
	if r := replies[1]; r.Near[0].Answer != "Ask for a refund in the app." {
		t.Errorf("%+v", r)
	}
	if r := replies[2]; r.Known || r.Answer != "Ask a person." || r.Source != "" || r.Confidence >= 0.5 {
		t.Errorf("%+v", r)
	}
	answers, err := a.PredictRows(ctx, []map[string]any{{"question": "Where do I change my PIN?"}})
	if err != nil || answers[0].Prediction != "At any cash machine." || answers[0].Source != "pin.html" {
		t.Errorf("%+v, %v", answers, err)
	}
	metrics := dagtest.Run(t, s, dagtest.New(t, &EvaluateAnswers{}, ""), map[string]artifacts.Ref{"model": ref, "data": faqTable(t, s, faqRows), "out_of_scope": strange})["out"]
	b, err := s.ReadAll(metrics)
	if err != nil {
		t.Fatal(err)
	}
	r, err := score.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]dag.Float{"recall_at_1": 1, "recall_at_10": 1, "mrr": 1, "rows": 6, "out_of_scope_auroc": 1, "refused": 1, "answered_right": 1} {
		if r.Metrics[name] != want {
			t.Errorf("%s is %v, want %v", name, r.Metrics[name], want)
		}
	}
}

// What an old chatbot sends is understood: a conversation as one text, or messages.
func TestAnswersTakeTheFormsOfChatbots(t *testing.T) {
	a, _, _ := fittedAnswers(t, dagtest.Store(t))
	for _, prompt := range []string{
		"When does my card arrive?",
		"The following is a conversation with an assistant.\n\nHuman: Hello\nAI: Hello!\nHuman: When does my card arrive?\nAI:",
		"Q: When does my card arrive?\nA:",
		"User: When does my card arrive?\n\nAssistant: ",
	} {
		var text strings.Builder
		g, err := a.Generate(context.Background(), model.Prompt{Text: prompt, MaxTokens: 100}, func(p model.Piece) error { text.WriteString(p.Text); return nil })
		if err != nil || text.String() != "Cards take five days." || !g.Ended {
			t.Errorf("%q: %q, %+v, %v", prompt, text.String(), g, err)
		}
	}
	chat := model.Served(a).(model.Chatter)
	if q, err := chat.ChatPrompt([]model.Message{{Role: "system", Content: "Be kind."}, {Role: "user", Content: "one"}, {Role: "assistant", Content: "two"}, {Role: "user", Content: "three"}}); err != nil || q != "three" {
		t.Errorf("%q, %v", q, err)
	}
}

// The curve is the one of greatest likelihood: at its place both gradients vanish.
func TestPlatt(t *testing.T) {
	x, so := []float64{0.1, 0.2, 0.35, 0.4, 0.5, 0.55, 0.7, 0.9}, []bool{false, false, true, false, true, false, true, true}
	slope, offset := platt(x, so)
	var g0, g1 float64
	for i, v := range x {
		target := 1.0 / 6
		if so[i] {
			target = 5.0 / 6
		}
		d := 1/(1+math.Exp(-(slope*v+offset))) - target
		g0, g1 = g0+d, g1+d*v
	}
	if math.Abs(g0) > 1e-6 || math.Abs(g1) > 1e-6 || slope <= 0 {
		t.Errorf("slope %v, offset %v: gradients %v, %v", slope, offset, g0, g1)
	}
}

func TestAnswersProblems(t *testing.T) {
	s := dagtest.Store(t)
	faq := faqTable(t, s, nil)
	_, _, err := dag.RunKind(context.Background(), s, dagtest.New(t, &FitAnswers{}, ""), map[string][]artifacts.Ref{"faq": {faq}, "encoder": {smallEncoder(t, s)}}, 1, nil, t.TempDir(), nil)
	if err == nil {
		t.Error("a table without rows is taken")
	}
	generation := model.GenerationSignature()
	_, got := dagtest.Check(dagtest.New(t, &FitAnswers{}, ""), map[string]dag.Schema{
		"faq": {Type: artifacts.Table, Table: sourceTextSchema, Origin: "faq"}, "encoder": {Type: artifacts.Model, Signature: &generation, Origin: "lm"}})
	for _, want := range []string{`faq has no column "question"`, "lm is a model for generation, and one for embedding is needed"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
