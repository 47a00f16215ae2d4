package stages

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"

	"pipe/stages/nn"
)

// mix makes of each row of a batch a mean of it and another row of the batch (mixup,
// Zhang et al. 2018): one share for the batch, drawn from Beta(alpha, alpha), and
// partners by a random order. What is drawn follows from the epoch and the batch's
// first row.
func (a *augmented) mix(numbers []int, b *nn.Batch) {
	var pcg rand.PCG
	pcg.Seed(a.seed^0x6d6978, uint64(a.epoch)<<32|uint64(numbers[0]))
	share := float32(distuv.Beta{Alpha: a.change.Mixup, Beta: a.change.Mixup, Src: &pcg}.Rand())
	partner := rand.New(&pcg).Perm(len(numbers))
	width := a.width
	a.unmixed = append(a.unmixed[:0], b.Features...)
	a.other = a.other[:0]
	for i, from := range partner {
		row, with := b.Features[i*width:(i+1)*width], a.unmixed[from*width:(from+1)*width]
		for j := range row {
			row[j] = share*row[j] + (1-share)*with[j]
		}
		a.other = append(a.other, b.Labels[from])
	}
	b.Other, b.Share = a.other, share
}
