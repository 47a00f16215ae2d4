package kernel

import "math"

// Softmax sets every row of the rows×cols matrix dst to e^(x-max) / Σ e^(x-max), where max is the row's maximum. A row of -Inf
// only, or with NaN or +Inf, gives NaN.
func Softmax(dst, x []float32, rows, cols int) {
	if rows == 1 {
		softmaxRow(dst[:cols], x[:cols])
		return
	}
	parallel(&softmaxTasks, rows, rowGrain(cols, softmaxGrain), softmaxTask{dst: dst[:rows*cols], x: x[:rows*cols], cols: cols})
}

// SoftmaxCrossEntropy sets probs to the softmax of each row of logits and losses[r] = -log probs[r, labels[r]], computed as
// log Σ e^(x-max) - (x[label] - max), which stays finite where the probability underflows. probs and logits are rows×cols; probs may be
// logits. A row whose label is negative is ignored: its loss is 0. A label of cols or more panics.
func SoftmaxCrossEntropy(probs, logits []float32, labels []int32, losses []float32, rows, cols int) {
	parallel(&softmaxTasks, rows, rowGrain(cols, softmaxGrain), softmaxTask{
		dst: probs[:rows*cols], x: logits[:rows*cols], labels: labels[:rows], losses: losses[:rows], cols: cols,
	})
}

// softmaxGrain is how many elements repay the hand-over to another core.
const softmaxGrain = 1 << 14

// rowGrain is how many rows of a width make a chunk of at least grain elements.
func rowGrain(width, grain int) int { return grain/max(width, 1) + 1 }

var softmaxTasks freeList[softmaxTask]

// softmaxTask is a softmax whose rows can be split; without losses it has no labels.
type softmaxTask struct {
	dst, x []float32
	labels []int32
	losses []float32
	cols   int
}

func (t *softmaxTask) Range(lo, hi int) {
	for r := lo; r < hi; r++ {
		dst, x := t.dst[r*t.cols:(r+1)*t.cols], t.x[r*t.cols:(r+1)*t.cols]
		if t.losses == nil {
			softmaxRow(dst, x)
			continue
		}
		label := t.labels[r]
		if label < 0 {
			softmaxRow(dst, x)
			t.losses[r] = 0
			continue
		}
		logit := x[label]
		peak, sum := softmaxRow(dst, x)
		t.losses[r] = float32(math.Log(float64(sum)) - float64(logit-peak))
	}
}

// softmaxRow returns the row's maximum and the sum of the exponentials besides the probabilities.
func softmaxRow(dst, x []float32) (peak, sum float32) {
	peak = active.peak(x)
	active.expShifted(dst, x, peak)
	sum = active.sum(dst)
	active.scale(1/sum, dst)
	return peak, sum
}
