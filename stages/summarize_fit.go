package stages

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/score"
	"pipe/stages/summary"
)

var summarizeFitKind = dag.Info{
	Name:    "summarize.fit",
	Version: 1,
	Doc: `Makes a model that sums a text up by choosing some of its sentences, which keep their order. Sentences are compared by the
cosine of an encoder's vectors, or, without an encoder, by the words that they share. They are ranked by how central they are:
centroid (how like the mean of all, Radev et al. 2004), lexrank (a walk among sentences that are alike, Erkan and Radev 2004), directed (how
like those that follow, PacSum, Zheng and Lapata 2019); or by a ranker that is learnt from texts with summaries in the port train; or lead takes the
first ones. The ranker is linear, over the vector of a sentence, its place and length, and how central it is; it learns which sentence
has the best ROUGE with the summary.`,
	Example: `summarize: { uses: summarize.fit, in: { encoder: encoder, train: split.train }, with: { text: abstract, summary: tldr, method: learned, sentences: 1 } }`,
	New:     func() dag.Kind { return &FitSummary{} },
}

// FitSummary is the kind summarize.fit.
type FitSummary struct {
	Text      string  `yaml:"text" doc:"the column of texts, or of lists of sentences; what the model reads has this name" default:"text"`
	Summary   string  `yaml:"summary" doc:"the column of summaries to learn from, or of lists of them" default:"summary"`
	Method    string  `yaml:"method" doc:"how sentences are ranked" default:"centroid" enum:"centroid,lexrank,directed,learned,lead"`
	Cut       string  `yaml:"cut" doc:"what a sentence of a text is: sentences finds them by their marks, lines takes the lines" default:"sentences" enum:"sentences,lines"`
	Sentences int     `yaml:"sentences" doc:"how many sentences are chosen" default:"3" min:"1"`
	Ratio     float64 `yaml:"ratio" doc:"the share of the sentences that is chosen, in place of a number; 0 for the number" default:"0" min:"0" max:"1"`
	Diversity float64 `yaml:"diversity" doc:"how much it counts against a sentence that it is like one that is chosen (maximal marginal relevance); 0 for not at all" default:"0" min:"0" max:"1"`
	Threshold float64 `yaml:"threshold" doc:"lexrank: how alike sentences must be; directed: the share of the span of likeness that does not count" default:"0.1" min:"0" max:"1"`
	Before    float64 `yaml:"before" doc:"directed: the weight of sentences that stand before, where those behind have 1" default:"0" min:"-10" max:"10"`
	Words     string  `yaml:"words" doc:"learned: what a word of a summary is: ascii is runs of a–z and 0–9, as rouge-score has it; unicode is runs of letters and digits of every script, and each character of scripts without spaces, such as Chinese" default:"ascii" enum:"ascii,unicode"`
	Decay     float64 `yaml:"decay" doc:"learned: how much large weights cost" default:"0.1" min:"0" max:"100"`
}

// Ports implements dag.Kind.
func (k *FitSummary) Ports() (in, out []dag.Port) {
	return []dag.Port{
			{Name: "encoder", Type: artifacts.Model, Optional: true, Doc: "what turns sentences into vectors"},
			{Name: "train", Type: artifacts.Table, Optional: true, Doc: "texts with summaries, for method: learned"},
		}, []dag.Port{
			{Name: dag.Out, Type: artifacts.Model, Doc: "from a text to some of its sentences"},
		}
}

// Check implements dag.Kind.
func (k *FitSummary) Check(c *dag.Check) {
	checkTask(c, "encoder", model.EmbeddingTask)
	checkTextOrList(c, "train", "text", k.Text)
	checkTextOrList(c, "train", "summary", k.Summary)
	switch trains := c.In["train"].Type != ""; {
	case k.Method == model.Learned && !trains:
		c.Hintf("missing-input", "method", "connect in.train, or choose a method that needs no learning, such as centroid", "learned learns from texts with summaries, and none are connected")
	case k.Method != model.Learned && trains:
		c.Hintf("config", "method", "method: learned learns from it", "%s does not learn, so in.train would be for nothing", k.Method)
	}
	s := model.SummarySignature(k.Text)
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Model, Signature: &s}
}

// Run implements dag.Kind.
func (k *FitSummary) Run(ctx context.Context, env *dag.Env) error {
	var encoder *model.Encoder
	if env.Has("encoder") {
		folder, err := env.Folder("encoder")
		if err != nil {
			return err
		}
		if encoder, err = model.LoadEncoder(folder); err != nil {
			return err
		}
	}
	settings := model.SummarySettings{Column: k.Text, Lines: k.Cut == "lines", Method: k.Method, Sentences: k.Sentences, Ratio: k.Ratio,
		Diversity: k.Diversity, Threshold: k.Threshold, Before: k.Before}
	if k.Method == model.Learned {
		weights, err := k.learn(ctx, env, encoder, settings)
		if err != nil {
			return err
		}
		settings.Weights = weights
	}
	m, err := model.NewSummarizer(encoder, settings)
	if err != nil {
		return err
	}
	return saveModel(env, m)
}

// learn finds the weights of the ranker.
func (k *FitSummary) learn(ctx context.Context, env *dag.Env, encoder *model.Encoder, s model.SummarySettings) ([]float64, error) {
	s.Method = model.Centroid // a ranker is not needed to describe sentences
	m, err := model.NewSummarizer(encoder, s)
	if err != nil {
		return nil, err
	}
	var examples []summary.Example
	words := score.RougeWords{Stem: true, Unicode: k.Words == "unicode"}
	sentences, rows, short, empty, skipped, other := 0, 0, 0, 0, 0, false
	err = eachSummarized(ctx, env, "train", k.Text, k.Summary, m, func(some []summarized) error {
		rows += len(some)
		some = slices.DeleteFunc(some, func(s summarized) bool {
			switch {
			case wordless(rougeTexts(s.references, words)):
				empty, other = empty+1, other || anyWord(s.references)
			case len(s.sentences) < 2:
				short++
			default:
				return false
			}
			return true
		})
		described, err := m.Describe(ctx, sentencesOf(some))
		if err != nil {
			return err
		}
		for i, d := range described {
			x := summary.Example{Features: d.Features(some[i].sentences)}
			references := rougeTexts(some[i].references, words)
			best := 0.0
			for _, one := range some[i].sentences {
				gain := score.NewRougeText(one, words).Gain(references...)
				x.Gains, best = append(x.Gains, gain), max(best, gain)
			}
			if best == 0 {
				skipped++ // no sentence is better than another
				continue
			}
			sentences += len(x.Gains)
			examples = append(examples, x)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case len(examples) > 0:
	case rows == 0:
		return nil, errors.New("train has no rows to learn from")
	case empty == rows:
		return nil, noWords("train", k.Summary, words, other)
	default:
		return nil, fmt.Errorf("train has no text to learn from: of %d, %d have fewer than two sentences, %d have no summary with a word, and %d share no word with their summary", rows, short, empty, skipped)
	}
	env.Logf("%d texts with %d sentences to learn from; left out: %d have fewer than two sentences, %d have no summary with a word, %d share no word with their summary", len(examples), sentences, short, empty, skipped)
	env.Metric("texts", float64(len(examples)), 0)
	r, err := summary.Learn(ctx, examples, len(examples[0].Features)/len(examples[0].Gains), k.Decay, func(step, of int) { env.Progress(int64(step), int64(of), "steps") })
	return r.Weights, err
}
