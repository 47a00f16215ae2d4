package summary

import (
	"context"
	"math"
)

// Ranker gives a sentence the sum of its features times weights.
type Ranker struct{ Weights []float64 }

// Scores are the shares that the sentences of a text get, with the features of
// Features: positive, with the sum 1.
func (r Ranker) Scores(features []float32) []float64 {
	scores := r.logits(features)
	softmax(scores)
	return scores
}

func (r Ranker) logits(features []float32) []float64 {
	d := len(r.Weights)
	out := make([]float64, len(features)/d)
	for i := range out {
		for k, v := range features[i*d : (i+1)*d] {
			out[i] += r.Weights[k] * float64(v)
		}
	}
	return out
}

func softmax(z []float64) {
	most, sum := math.Inf(-1), 0.0
	for _, v := range z {
		most = max(most, v)
	}
	for i, v := range z {
		z[i] = math.Exp(v - most)
		sum += z[i]
	}
	for i := range z {
		z[i] /= sum
	}
}

// Example is a text to learn from: the features of its sentences, and how good each
// would be as the summary, such as its ROUGE, from 0 to 1.
type Example struct {
	Features []float32
	Gains    []float64
}

const (
	// sharpness is how much more a sentence counts that is better: e times for 0.05.
	sharpness = 20
	// learnSteps and learnRate are those of the training; the task is convex.
	learnSteps, learnRate = 300, 0.02
)

// Learn finds the weights with which the shares that sentences get are as near as can
// be to those that their gains give them: the cross-entropy of both, over texts (ListNet,
// Cao et al. 2007), with the squares of the weights times decay, over features that are
// brought to mean 0 and deviation 1. progress is told after each step.
func Learn(ctx context.Context, examples []Example, features int, decay float64, progress func(step, of int)) (Ranker, error) {
	mean, scale := spread(examples, features)
	rows := make([][]float32, len(examples))
	want := make([][]float64, len(examples))
	for e, x := range examples {
		rows[e] = make([]float32, len(x.Features))
		for i, v := range x.Features {
			rows[e][i] = float32((float64(v) - mean[i%features]) / scale[i%features])
		}
		want[e] = make([]float64, len(x.Gains))
		for i, g := range x.Gains {
			want[e][i] = sharpness * g
		}
		softmax(want[e])
	}
	w, g := Ranker{make([]float64, features)}, make([]float64, features)
	first, second := make([]float64, features), make([]float64, features)
	for step := 1; step <= learnSteps; step++ {
		if err := ctx.Err(); err != nil {
			return Ranker{}, err
		}
		for k, v := range w.Weights {
			g[k] = 2 * decay * v
		}
		for e, x := range rows {
			got := w.Scores(x)
			for i, p := range got {
				d := (p - want[e][i]) / float64(len(rows))
				for k, v := range x[i*features : (i+1)*features] {
					g[k] += d * float64(v)
				}
			}
		}
		rate := learnRate * (1 - float64(step-1)/learnSteps)
		for k := range w.Weights { // Adam (Kingma and Ba 2015)
			first[k] = 0.9*first[k] + 0.1*g[k]
			second[k] = 0.999*second[k] + 0.001*g[k]*g[k]
			m, v := first[k]/(1-math.Pow(0.9, float64(step))), second[k]/(1-math.Pow(0.999, float64(step)))
			w.Weights[k] -= rate * m / (math.Sqrt(v) + 1e-8)
		}
		progress(step, learnSteps)
	}
	for k := range w.Weights {
		w.Weights[k] /= scale[k] // what a feature's mean adds is the same for all sentences
	}
	return w, nil
}

// spread gives the mean and the deviation of each feature. The numbers of a vector have
// one deviation: how far they vary says how much they tell.
func spread(examples []Example, features int) (mean, scale []float64) {
	mean, scale = make([]float64, features), make([]float64, features)
	n := 0
	for _, x := range examples {
		for i, v := range x.Features {
			mean[i%features] += float64(v)
		}
		n += len(x.Gains)
	}
	for k := range mean {
		mean[k] /= float64(max(n, 1))
	}
	for _, x := range examples {
		for i, v := range x.Features {
			d := float64(v) - mean[i%features]
			scale[i%features] += d * d
		}
	}
	vector := 0.0
	for k := range scale {
		scale[k] = math.Sqrt(scale[k]/float64(max(n, 1))) + 1e-6
		if k >= placeFeatures {
			vector += scale[k] / float64(features-placeFeatures)
		}
	}
	for k := placeFeatures; k < features; k++ {
		scale[k] = vector
	}
	return mean, scale
}
