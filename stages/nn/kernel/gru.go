package kernel

// GRUCell applies the gates of one step of a gated recurrent unit (Cho et al. 2014) in PyTorch's formulation, where the reset gate
// multiplies the recurrent product after its bias. gates (rows×3·hidden) holds the input's pre-activations W·x+b of r, z, n side by
// side and is overwritten with the activations; recurrent (rows×3·hidden) holds U·hPrev+b of the same three and is only read. hPrev and
// h are rows×hidden; h may be hPrev.
//
//	r = σ(gates.r + recurrent.r),  z = σ(gates.z + recurrent.z)
//	n = tanh(gates.n + r·recurrent.n),  h = n + z·(hPrev - n)
func GRUCell(gates, recurrent, hPrev, h []float32, rows, hidden int) {
	n := rows * hidden
	parallel(&gruTasks, rows, rowGrain(hidden, cellGrain), gruTask{
		gates: gates[:3*n], recurrent: recurrent[:3*n], hPrev: hPrev[:n], h: h[:n], hidden: hidden,
	})
}

// GRUCellGrad is the reverse of GRUCell. gates is what GRUCell left, dh the gradient of the loss with respect to h. dgates and
// drecurrent (rows×3·hidden) receive the gradients of the two pre-activations, and dhPrev the part of hPrev's gradient that does not
// pass through recurrent (z·dh). dgates may be gates, drecurrent may be recurrent and dhPrev may be dh.
func GRUCellGrad(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, dh []float32, rows, hidden int) {
	n := rows * hidden
	parallel(&gruTasks, rows, rowGrain(hidden, 2*cellGrain), gruTask{
		dgates: dgates[:3*n], drecurrent: drecurrent[:3*n], dhPrev: dhPrev[:n],
		gates: gates[:3*n], recurrent: recurrent[:3*n], hPrev: hPrev[:n], dh: dh[:n], hidden: hidden,
	})
}

var gruTasks freeList[gruTask]

// gruTask is a step of a GRU whose rows can be split: the reverse step if it has dgates.
type gruTask struct {
	gates, recurrent, hPrev, h     []float32
	dgates, drecurrent, dhPrev, dh []float32
	hidden                         int
}

func (t *gruTask) Range(lo, hi int) {
	n := t.hidden
	for r := lo; r < hi; r++ {
		at, end := r*n, (r+1)*n
		gates, recurrent, hPrev := t.gates[3*at:3*end], t.recurrent[3*at:3*end], t.hPrev[at:end]
		if t.dgates == nil {
			active.gru(gates, recurrent, hPrev, t.h[at:end])
		} else {
			active.gruGrad(t.dgates[3*at:3*end], t.drecurrent[3*at:3*end], t.dhPrev[at:end], gates, recurrent, hPrev, t.dh[at:end])
		}
	}
}

func gruPortable(gates, recurrent, hPrev, h []float32) {
	n := len(h)
	for j := range h {
		reset := sigmoid32(gates[j] + recurrent[j])
		update := sigmoid32(gates[n+j] + recurrent[n+j])
		candidate := tanh32(gates[2*n+j] + reset*recurrent[2*n+j])
		gates[j], gates[n+j], gates[2*n+j] = reset, update, candidate
		h[j] = candidate + update*(hPrev[j]-candidate)
	}
}

func gruGradPortable(dgates, drecurrent, dhPrev, gates, recurrent, hPrev, dh []float32) {
	n := len(dh)
	for j := range dh {
		reset, update, candidate := gates[j], gates[n+j], gates[2*n+j]
		d, un := dh[j], recurrent[2*n+j]
		dz := d * (hPrev[j] - candidate) * update * (1 - update)
		dn := d * (1 - update) * (1 - candidate*candidate)
		dr := dn * un * reset * (1 - reset)
		dgates[j], dgates[n+j], dgates[2*n+j] = dr, dz, dn
		drecurrent[j], drecurrent[n+j], drecurrent[2*n+j] = dr, dz, dn*reset
		dhPrev[j] = d * update
	}
}
