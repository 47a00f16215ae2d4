package stages

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag/dagtest"
)

// textLabel is the schema of the toy tables.
var textLabel = arrow.NewSchema([]arrow.Field{
	{Name: "text", Type: arrow.BinaryTypes.String},
	{Name: "label", Type: arrow.BinaryTypes.String},
}, nil)

// toyTexts makes up rows of a task that can be learnt: each topic has words of
// its own among words that all share.
func toyTexts(seed uint64, rows int, topics ...string) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	b.WriteByte('[')
	for i := range rows {
		topic := topics[rng.IntN(len(topics))]
		words := make([]string, 3+rng.IntN(4))
		for j := range words {
			words[j] = fmt.Sprintf("common%d", rng.IntN(12))
		}
		words[rng.IntN(len(words))] = fmt.Sprintf("%s%d", topic, rng.IntN(4))
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"text": %q, "label": %q}`, strings.Join(words, " "), topic)
	}
	b.WriteByte(']')
	return b.String()
}

// toy is a stored task: rows to learn from, to validate and to test on, and a
// fitted transform.
type toy struct {
	store                              *artifacts.Store
	train, validation, test, transform artifacts.Ref
}

func newToy(t testing.TB, topics ...string) *toy {
	t.Helper()
	s := dagtest.Store(t)
	y := &toy{
		store:      s,
		train:      dagtest.Table(t, s, textLabel, toyTexts(1, 300, topics...)),
		validation: dagtest.Table(t, s, textLabel, toyTexts(2, 60, topics...)),
		test:       dagtest.Table(t, s, textLabel, toyTexts(3, 100, topics...)),
	}
	y.transform = y.vectorize(t, y.train)
	return y
}

func (y *toy) vectorize(t testing.TB, in artifacts.Ref) artifacts.Ref {
	t.Helper()
	k := dagtest.New(t, textVectorizeKind.New(), "{ column: text, num_words: 100, maxlen: 8 }")
	return dagtest.Run(t, y.store, k, map[string]artifacts.Ref{"in": in})["out"]
}

// inputs connects the stage that trains.
func (y *toy) inputs() map[string]artifacts.Ref {
	return map[string]artifacts.Ref{"train": y.train, "validation": y.validation, "transform": y.transform}
}

// toyTraining learns the toy task in about a second.
const toyTraining = `
target: label
layers:
  - embedding: { dim: 8 }
  - lstm: { units: 12 }
  - dense: { units: classes, activation: softmax }
loss: categorical_crossentropy
optimizer: { adam: { learning_rate: 0.02 } }
epochs: 12
batch_size: 16
`

func (y *toy) model(t testing.TB, with string) artifacts.Ref {
	t.Helper()
	k := dagtest.New(t, trainKind.New(), with)
	return dagtest.Run(t, y.store, k, y.inputs())["out"]
}
