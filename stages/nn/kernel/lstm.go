package kernel

import "math"

// LSTMCell applies the gates of one step of a long short-term memory in PyTorch's formulation (Hochreiter and Schmidhuber 1997 with
// the forget gate of Gers et al. 2000). gates is rows×4·hidden and holds the pre-activations of i, f, g, o side by side; it is
// overwritten with σ(i), σ(f), tanh(g), σ(o). The other slices are rows×hidden:
//
//	c = f·cPrev + i·g,  tanhC = tanh(c),  h = o·tanhC
//
// c may be cPrev.
func LSTMCell(gates, cPrev, c, h, tanhC []float32, rows, hidden int) {
	n := rows * hidden
	parallel(&lstmTasks, rows, rowGrain(hidden, cellGrain), lstmTask{
		gates: gates[:4*n], cPrev: cPrev[:n], c: c[:n], h: h[:n], tanhC: tanhC[:n], hidden: hidden,
	})
}

// LSTMCellGrad is the reverse of LSTMCell. gates and tanhC are what LSTMCell left, dh and dc the gradients of the loss with respect
// to h and c; dgates (rows×4·hidden) receives the gradient of the pre-activations and dcPrev that of cPrev. dgates may be gates
// and dcPrev may be dc.
func LSTMCellGrad(dgates, dcPrev, gates, cPrev, tanhC, dh, dc []float32, rows, hidden int) {
	n := rows * hidden
	parallel(&lstmTasks, rows, rowGrain(hidden, 2*cellGrain), lstmTask{
		dgates: dgates[:4*n], dcPrev: dcPrev[:n], gates: gates[:4*n], cPrev: cPrev[:n], tanhC: tanhC[:n], dh: dh[:n], dc: dc[:n], hidden: hidden,
	})
}

// cellGrain is how many units of a recurrent cell repay the hand-over to another core.
const cellGrain = 1 << 12

var lstmTasks freeList[lstmTask]

// lstmTask is a step of an LSTM whose rows can be split: the reverse step if it has dgates.
type lstmTask struct {
	gates, cPrev, c, h, tanhC []float32
	dgates, dcPrev, dh, dc    []float32
	hidden                    int
}

func (t *lstmTask) Range(lo, hi int) {
	n := t.hidden
	for r := lo; r < hi; r++ {
		at, end := r*n, (r+1)*n
		gates, cPrev, tanhC := t.gates[4*at:4*end], t.cPrev[at:end], t.tanhC[at:end]
		if t.dgates == nil {
			active.lstm(gates, cPrev, t.c[at:end], t.h[at:end], tanhC)
		} else {
			active.lstmGrad(t.dgates[4*at:4*end], t.dcPrev[at:end], gates, cPrev, tanhC, t.dh[at:end], t.dc[at:end])
		}
	}
}

func lstmPortable(gates, cPrev, c, h, tanhC []float32) {
	i, f, g, o := quarters(gates)
	for j := range c {
		i[j], f[j], o[j] = sigmoid32(i[j]), sigmoid32(f[j]), sigmoid32(o[j])
		g[j] = tanh32(g[j])
		c[j] = f[j]*cPrev[j] + i[j]*g[j]
		tanhC[j] = tanh32(c[j])
		h[j] = o[j] * tanhC[j]
	}
}

func lstmGradPortable(dgates, dcPrev, gates, cPrev, tanhC, dh, dc []float32) {
	i, f, g, o := quarters(gates)
	di, df, dg, do := quarters(dgates)
	for j := range dc {
		iv, fv, gv, ov, t := i[j], f[j], g[j], o[j], tanhC[j]
		d := dc[j] + dh[j]*ov*(1-t*t)
		do[j] = dh[j] * t * ov * (1 - ov)
		di[j] = d * gv * iv * (1 - iv)
		df[j] = d * cPrev[j] * fv * (1 - fv)
		dg[j] = d * iv * (1 - gv*gv)
		dcPrev[j] = d * fv
	}
}

// quarters splits one row of gates.
func quarters(row []float32) (i, f, g, o []float32) {
	n := len(row) / 4
	return row[:n], row[n : 2*n], row[2*n : 3*n], row[3*n:]
}

func sigmoid32(x float32) float32 { return float32(sigmoid64(float64(x))) }

func tanh32(x float32) float32 { return float32(math.Tanh(float64(x))) }
