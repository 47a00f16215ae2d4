package inference

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"pipe/dag"
	"pipe/stages/model"
)

// textIn is the signature of models that read one text.
type textIn struct{}

func (textIn) Signature() dag.Signature {
	return dag.Signature{Inputs: []dag.Column{{Name: "text", Type: "utf8"}}}
}
func (textIn) Bytes() int64 { return 1 }

// vectors embeds a text as numbers that its bytes tell.
type vectors struct{ textIn }

func (vectors) EmbedTexts(_ context.Context, texts []string) ([]model.Embedding, error) {
	out := make([]model.Embedding, len(texts))
	for i, t := range texts {
		h := fnv.New32a()
		h.Write([]byte(t))
		v := make([]float32, 8)
		for k := range v {
			v[k] = float32(h.Sum32()%1000)/1000 + float32(k)
		}
		out[i] = model.Embedding{Vector: v, Tokens: len(strings.Fields(t))}
	}
	return out, nil
}

// teller writes "one two three …", or with a temperature words in any order.
type teller struct{ textIn }

var numbers = []string{" one", " two", " three", " four", " five", " six", " seven", " eight"}

func (teller) Generate(ctx context.Context, p model.Prompt, emit func(model.Piece) error) (model.Generated, error) {
	rng := rand.New(rand.NewPCG(p.Seed, 1))
	g := model.Generated{PromptTokens: len(strings.Fields(p.Text))}
	for i := range p.MaxTokens {
		if err := ctx.Err(); err != nil {
			return g, err
		}
		if i == 20 {
			g.Ended = true
			return g, nil
		}
		word := numbers[i%len(numbers)]
		if p.Temperature > 0 {
			word = numbers[rng.IntN(len(numbers))]
		}
		piece := model.Piece{Text: word, Token: word, Logprob: -0.5}
		for k := range p.Logprobs {
			piece.Top = append(piece.Top, model.TokenLogprob{Token: numbers[k%len(numbers)], Logprob: -0.5 - float64(k)})
		}
		g.NewTokens++
		if err := emit(piece); err != nil {
			return g, err
		}
	}
	return g, nil
}

// Detokenize knows the tokens 0 to 7.
func (teller) Detokenize(ids []int32) (string, error) {
	var b strings.Builder
	for i, id := range ids {
		if int(id) >= len(numbers) {
			return "", fmt.Errorf("token %d is %d", i, id)
		}
		b.WriteString(numbers[id])
	}
	return b.String(), nil
}

// ear tells how long a sound is.
type ear struct{ textIn }

func (ear) Transcribe(_ context.Context, samples []float32, rate int) (model.Transcript, error) {
	text := fmt.Sprintf("%d samples at %d", len(samples), rate)
	return model.Transcript{Text: text, Words: []model.Word{{Word: strings.Fields(text)[0], Start: 0, End: 0.04}, {Word: "samples", Start: 0.05, End: 0.1}}}, nil
}

// table answers rows of three columns with a number.
type tabular struct{}

func (tabular) Signature() dag.Signature {
	return dag.Signature{Inputs: []dag.Column{{Name: "age", Type: "int64"}, {Name: "income", Type: "float64"}, {Name: "member", Type: "bool"}},
		Outputs: []dag.Column{{Name: "prediction", Type: "float64"}}, Task: "regression"}
}
func (tabular) Bytes() int64 { return 1 }
func (tabular) PredictRows(_ context.Context, rows []map[string]any) ([]*model.Answer, error) {
	out := make([]*model.Answer, len(rows))
	for i, r := range rows {
		age, _ := r["age"].(int64)
		income, _ := r["income"].(float64)
		sum := float64(age) + income
		if r["member"] == true {
			sum += 1000
		}
		out[i] = &model.Answer{Prediction: sum}
	}
	return out, nil
}

// Classes makes the fake a classifier whose labels are known.
func (f *fake) Classes() []string { return []string{"no", "yes"} }

// all deploys one model of each family.
func (b *bench) all() {
	b.served("topics", "", &fake{})
	b.served("sums", "", tabular{})
	b.served("minilm", "", vectors{})
	b.served("gpt", "", teller{})
	b.served("speech", "", ear{})
}
