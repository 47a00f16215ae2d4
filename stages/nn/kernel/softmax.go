package kernel

import "math"

// Softmax sets every row of the rows×cols matrix dst to e^(x-max) / Σ e^(x-max), where max is the row's maximum. A row of -Inf
// only, or with NaN or +Inf, gives NaN.
func Softmax(dst, x []float32, rows, cols int) {
	for r := range rows {
		softmaxRow(dst[r*cols:(r+1)*cols], x[r*cols:(r+1)*cols])
	}
}

// softmaxRow returns the row's maximum and the sum of the exponentials besides the probabilities.
func softmaxRow(dst, x []float32) (peak, sum float32) {
	peak = float32(math.Inf(-1))
	for _, v := range x {
		if v > peak || v != v {
			peak = v
		}
	}
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v - peak)))
	}
	sum = Sum(dst)
	Scale(1/sum, dst)
	return peak, sum
}

// SoftmaxCrossEntropy sets probs to the softmax of each row of logits and losses[r] = -log probs[r, labels[r]], computed as
// log Σ e^(x-max) - (x[label] - max), which stays finite where the probability underflows. probs and logits are rows×cols; probs may be
// logits. A row whose label is negative is ignored: its loss is 0. A label of cols or more panics.
func SoftmaxCrossEntropy(probs, logits []float32, labels []int32, losses []float32, rows, cols int) {
	for r := range rows {
		row := logits[r*cols : (r+1)*cols]
		var logit float32
		if labels[r] >= 0 {
			logit = row[labels[r]]
		}
		peak, sum := softmaxRow(probs[r*cols:(r+1)*cols], row)
		losses[r] = 0
		if labels[r] >= 0 {
			losses[r] = float32(math.Log(float64(sum)) - float64(logit-peak))
		}
	}
}
