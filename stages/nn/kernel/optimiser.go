package kernel

import "math"

// Adam makes one step of Adam (Kingma and Ba 2015) on the parameters p with gradient g, moments m and v (both 0 before the first
// step), in PyTorch's formulas; step counts from 1. weightDecay is added to the gradient (weightDecay·p) or, when decoupled, shrinks
// the parameters by lr·weightDecay (AdamW, Loshchilov and Hutter 2019). All slices are as long as p.
func Adam(p, g, m, v []float32, lr, beta1, beta2, eps, weightDecay float32, decoupled bool, step int) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	shrink, decay := float32(1), weightDecay
	if decoupled {
		shrink, decay = float32(1-float64(lr)*float64(weightDecay)), 0
	}
	stepSize := float32(float64(lr) / (1 - math.Pow(float64(beta1), float64(step))))
	invBias2 := float32(1 / math.Sqrt(1-math.Pow(float64(beta2), float64(step))))
	for i := range p {
		w := p[i] * shrink
		grad := g[i] + decay*w
		m[i] += (1 - beta1) * (grad - m[i])
		v[i] = beta2*v[i] + (1-beta2)*grad*grad
		denom := float32(math.Sqrt(float64(v[i])))*invBias2 + eps
		p[i] = w - stepSize*(m[i]/denom)
	}
}

// SGD makes one step of stochastic gradient descent in PyTorch's formulas: g += weightDecay·p, buf = momentum·buf + g, and
// p -= lr·buf, or p -= lr·(g + momentum·buf) with nesterov. buf is 0 before the first step and may be nil when momentum is 0.
func SGD(p, g, buf []float32, lr, momentum, weightDecay float32, nesterov bool) {
	g = g[:len(p)]
	if momentum == 0 {
		for i := range p {
			p[i] -= lr * (g[i] + weightDecay*p[i])
		}
		return
	}
	buf = buf[:len(p)]
	for i := range p {
		grad := g[i] + weightDecay*p[i]
		buf[i] = momentum*buf[i] + grad
		if nesterov {
			grad += momentum * buf[i]
		} else {
			grad = buf[i]
		}
		p[i] -= lr * grad
	}
}
