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
	for r := range rows {
		at := r * hidden
		i, f, g, o := quarters(gates[4*at:4*(at+hidden)], hidden)
		for j := range hidden {
			i[j], f[j], o[j] = sigmoid32(i[j]), sigmoid32(f[j]), sigmoid32(o[j])
			g[j] = tanh32(g[j])
			c[at+j] = f[j]*cPrev[at+j] + i[j]*g[j]
			tanhC[at+j] = tanh32(c[at+j])
			h[at+j] = o[j] * tanhC[at+j]
		}
	}
}

// LSTMCellGrad is the reverse of LSTMCell. gates and tanhC are what LSTMCell left, dh and dc the gradients of the loss with respect
// to h and c; dgates (rows×4·hidden) receives the gradient of the pre-activations and dcPrev that of cPrev. dgates may be gates
// and dcPrev may be dc.
func LSTMCellGrad(dgates, dcPrev, gates, cPrev, tanhC, dh, dc []float32, rows, hidden int) {
	for r := range rows {
		at := r * hidden
		i, f, g, o := quarters(gates[4*at:4*(at+hidden)], hidden)
		di, df, dg, do := quarters(dgates[4*at:4*(at+hidden)], hidden)
		for j := range hidden {
			iv, fv, gv, ov, t := i[j], f[j], g[j], o[j], tanhC[at+j]
			d := dc[at+j] + dh[at+j]*ov*(1-t*t)
			di[j] = d * gv * iv * (1 - iv)
			df[j] = d * cPrev[at+j] * fv * (1 - fv)
			dg[j] = d * iv * (1 - gv*gv)
			do[j] = dh[at+j] * t * ov * (1 - ov)
			dcPrev[at+j] = d * fv
		}
	}
}

// quarters splits one row of gates.
func quarters(row []float32, hidden int) (i, f, g, o []float32) {
	return row[:hidden], row[hidden : 2*hidden], row[2*hidden : 3*hidden], row[3*hidden : 4*hidden]
}

func sigmoid32(x float32) float32 { return float32(sigmoid64(float64(x))) }

func tanh32(x float32) float32 { return float32(math.Tanh(float64(x))) }
