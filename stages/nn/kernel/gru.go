package kernel

// GRUCell applies the gates of one step of a gated recurrent unit (Cho et al. 2014) in PyTorch's formulation, where the reset gate
// multiplies the recurrent product after its bias. gates (rows×3·hidden) holds the input's pre-activations W·x+b of r, z, n side by
// side and is overwritten with the activations; recurrent (rows×3·hidden) holds U·hPrev+b of the same three and is only read. hPrev and
// h are rows×hidden; h may be hPrev.
//
//	r = σ(gates.r + recurrent.r),  z = σ(gates.z + recurrent.z)
//	n = tanh(gates.n + r·recurrent.n),  h = n + z·(hPrev - n)
func GRUCell(gates, recurrent, hPrev, h []float32, rows, hidden int) {
	for r := range rows {
		at := r * hidden
		x, u := gates[3*at:3*(at+hidden)], recurrent[3*at:3*(at+hidden)]
		for j := range hidden {
			reset := sigmoid32(x[j] + u[j])
			update := sigmoid32(x[hidden+j] + u[hidden+j])
			candidate := tanh32(x[2*hidden+j] + reset*u[2*hidden+j])
			x[j], x[hidden+j], x[2*hidden+j] = reset, update, candidate
			h[at+j] = candidate + update*(hPrev[at+j]-candidate)
		}
	}
}

// GRUCellGrad is the reverse of GRUCell. gates is what GRUCell left, dh the gradient of the loss with respect to h. dgates and
// drecurrent (rows×3·hidden) receive the gradients of the two pre-activations, and dhPrev the part of hPrev's gradient that does not
// pass through recurrent (z·dh). dgates may be gates, drecurrent may be recurrent and dhPrev may be dh.
func GRUCellGrad(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, dh []float32, rows, hidden int) {
	for r := range rows {
		at := r * hidden
		a, u := gates[3*at:3*(at+hidden)], recurrent[3*at:3*(at+hidden)]
		da, du := dgates[3*at:3*(at+hidden)], drecurrent[3*at:3*(at+hidden)]
		for j := range hidden {
			reset, update, candidate := a[j], a[hidden+j], a[2*hidden+j]
			d, un := dh[at+j], u[2*hidden+j]
			dn := d * (1 - update) * (1 - candidate*candidate)
			dr := dn * un * reset * (1 - reset)
			dz := d * (hPrev[at+j] - candidate) * update * (1 - update)
			da[j], da[hidden+j], da[2*hidden+j] = dr, dz, dn
			du[j], du[hidden+j], du[2*hidden+j] = dr, dz, dn*reset
			dhPrev[at+j] = d * update
		}
	}
}
