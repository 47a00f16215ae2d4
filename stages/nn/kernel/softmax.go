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

// SoftmaxCrossEntropy sets losses[r] to the cross-entropy of row r of logits, rows×cols, with its label of which smoothing is spread
// evenly over all labels,
//
//	log Σ e^(x-max) - (x[label] - max) + smoothing·(x[label] - mean(x)),
//
// which stays finite where the probability underflows, and grad, which may be logits, to the gradients of scales[r]·losses[r]. A row
// whose scale is 0 or whose label is negative is ignored: its loss and its gradients are 0. A label of cols or more panics.
func SoftmaxCrossEntropy(grad, logits []float32, labels []int32, scales []float32, smoothing float32, losses []float32, rows, cols int) {
	parallel(&softmaxTasks, rows, rowGrain(cols, softmaxGrain), softmaxTask{
		dst: grad[:rows*cols], x: logits[:rows*cols], labels: labels[:rows], scales: scales[:rows], losses: losses[:rows],
		smoothing: smoothing, cols: cols,
	})
}

// softmaxGrain is how many elements repay the hand-over to another core.
const softmaxGrain = 1 << 14

// rowGrain is how many rows of a width make a chunk of at least grain elements.
func rowGrain(width, grain int) int { return grain/max(width, 1) + 1 }

var softmaxTasks freeList[softmaxTask]

// softmaxTask is a softmax whose rows can be split or, with losses, a cross-entropy.
type softmaxTask struct {
	dst, x         []float32
	labels         []int32
	scales, losses []float32
	smoothing      float32
	cols           int
}

func (t *softmaxTask) Range(lo, hi int) {
	for r := lo; r < hi; r++ {
		dst, x := t.dst[r*t.cols:(r+1)*t.cols], t.x[r*t.cols:(r+1)*t.cols]
		if t.losses == nil {
			softmaxRow(dst, x)
		} else {
			t.losses[r] = t.crossEntropy(dst, x, t.labels[r], t.scales[r])
		}
	}
}

func (t *softmaxTask) crossEntropy(grad, x []float32, label int32, scale float32) float32 {
	if scale == 0 || label < 0 {
		clear(grad)
		return 0
	}
	logit, smooth := x[label], float64(0)
	if t.smoothing != 0 {
		mean := float64(active.sum(x)) / float64(t.cols)
		smooth = float64(t.smoothing) * (float64(logit) - mean)
	}
	peak, sum := softmaxRow(grad, x)
	if t.smoothing != 0 {
		active.subScalar(grad, grad, t.smoothing/float32(t.cols))
	}
	grad[label] -= 1 - t.smoothing
	active.scale(scale, grad)
	return float32(math.Log(float64(sum)) - float64(logit-peak) + smooth)
}

// softmaxRow returns the row's maximum and the sum of the exponentials besides the probabilities.
func softmaxRow(dst, x []float32) (peak, sum float32) {
	peak = active.peak(x)
	active.expShifted(dst, x, peak)
	sum = active.sum(dst)
	active.scale(1/sum, dst)
	return peak, sum
}
