package kernel

import "math"

// Adam makes one step of Adam (Kingma and Ba 2015) on the parameters p with gradient g, moments m and v (both 0 before the first
// step), in PyTorch's formulas; step counts from 1. weightDecay is added to the gradient (weightDecay·p) or, when decoupled, shrinks
// the parameters by lr·weightDecay (AdamW, Loshchilov and Hutter 2019). All slices are as long as p.
func Adam(p, g, m, v []float32, lr, beta1, beta2, eps, weightDecay float32, decoupled bool, step int) {
	n := len(p)
	shrink, decay := 1.0, float64(weightDecay)
	if decoupled {
		shrink, decay = 1-float64(float64(lr)*float64(weightDecay)), 0
	}
	size := float64(lr) / (1 - math.Pow(float64(beta1), float64(step)))
	invBias2 := 1 / math.Sqrt(1-math.Pow(float64(beta2), float64(step)))
	parallel(&adamTasks, n, optimiserGrain, adamTask{p: p, g: g[:n], m: m[:n], v: v[:n], k: [8]float32{
		float32(shrink), float32(decay), float32(1 - float64(beta1)), beta2, float32(1 - float64(beta2)), float32(invBias2), eps, float32(size),
	}})
}

// optimiserGrain is how many parameters repay the hand-over to another core.
const optimiserGrain = 1 << 15

var adamTasks freeList[adamTask]

// adamTask is a step of Adam. k is shrink, decay, 1-beta1, beta2, 1-beta2, 1/√(1-beta2^step), eps and lr/(1-beta1^step).
type adamTask struct {
	p, g, m, v []float32
	k          [8]float32
}

func (t *adamTask) Range(lo, hi int) {
	active.adam(t.p[lo:hi], t.g[lo:hi], t.m[lo:hi], t.v[lo:hi], &t.k)
}

func adamPortable(p, g, m, v []float32, k *[8]float32) {
	for i := range p {
		w := p[i] * k[0]
		grad := g[i] + k[1]*w
		m[i] += k[2] * (grad - m[i])
		v[i] = k[3]*v[i] + k[4]*grad*grad
		p[i] = w - k[7]*(m[i]/(float32(math.Sqrt(float64(v[i])))*k[5]+k[6]))
	}
}

// SGD makes one step of stochastic gradient descent in PyTorch's formulas: g += weightDecay·p, buf = momentum·buf + g, and
// p -= lr·buf, or p -= lr·(g + momentum·buf) with nesterov. buf is 0 before the first step and may be nil when momentum is 0.
func SGD(p, g, buf []float32, lr, momentum, weightDecay float32, nesterov bool) {
	n := len(p)
	if momentum != 0 {
		buf = buf[:n]
	} else {
		buf = nil
	}
	parallel(&sgdTasks, n, optimiserGrain, sgdTask{p: p, g: g[:n], buf: buf, nesterov: nesterov, k: [3]float32{lr, momentum, weightDecay}})
}

var sgdTasks freeList[sgdTask]

// sgdTask is a step of SGD, with momentum if it has buf. k is lr, momentum and weightDecay.
type sgdTask struct {
	p, g, buf []float32
	nesterov  bool
	k         [3]float32
}

func (t *sgdTask) Range(lo, hi int) {
	p, g := t.p[lo:hi], t.g[lo:hi]
	switch {
	case t.buf == nil:
		active.sgd(p, g, &t.k)
	case t.nesterov:
		active.nesterov(p, g, t.buf[lo:hi], &t.k)
	default:
		active.momentum(p, g, t.buf[lo:hi], &t.k)
	}
}

func sgdPortable(p, g []float32, k *[3]float32) {
	for i := range p {
		p[i] -= k[0] * (g[i] + k[2]*p[i])
	}
}

func momentumPortable(p, g, buf []float32, k *[3]float32) {
	for i := range p {
		buf[i] = k[1]*buf[i] + (g[i] + k[2]*p[i])
		p[i] -= k[0] * buf[i]
	}
}

func nesterovPortable(p, g, buf []float32, k *[3]float32) {
	for i := range p {
		grad := g[i] + k[2]*p[i]
		buf[i] = k[1]*buf[i] + grad
		p[i] -= k[0] * (grad + k[1]*buf[i])
	}
}
