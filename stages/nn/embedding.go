package nn

import (
	"errors"
	"math/rand/v2"

	"pipe/stages/nn/kernel"
)

func init() {
	RegisterLayer("embedding", func() Layer { return &Embedding{Initializer: RandomUniform} })
}

// Embedding looks up one row of a table for each token id: (batch, time) ids
// become (batch, time, dim) numbers. With mask_zero, id 0 is padding: recurrent
// layers carry their state over it and pooling leaves it out. Keras: Embedding;
// PyTorch: nn.Embedding; ONNX: Gather.
type Embedding struct {
	Dim         int         `yaml:"dim" doc:"numbers per token" required:"true" min:"1" example:"128"`
	MaskZero    bool        `yaml:"mask_zero" doc:"whether id 0 is padding that later layers leave out" default:"false"`
	Initializer Initializer `yaml:"embeddings_initializer" doc:"first values of the table" default:"random_uniform" enum:"random_uniform,random_normal,glorot_uniform,glorot_normal,zeros,ones"`

	weight *Param // (vocab, dim)
}

func (l *Embedding) readsTokens() bool { return true }

// OutShape returns (batch, time, dim).
func (l *Embedding) OutShape(in Shape, _ Context) (Shape, error) {
	if l.Dim < 1 {
		return nil, errors.New("dim must be at least 1")
	}
	if err := wantRank(in, 2, "(batch, time) of token ids"); err != nil {
		return nil, err
	}
	return Shape{in[0], in[1], l.Dim}, nil
}

// Build allocates weight (vocab, dim).
func (l *Embedding) Build(_ Shape, c Context, rng *rand.Rand) error {
	if c.Vocab < 1 {
		return errors.New("the number of token ids is not known")
	}
	l.weight = newParam("weight", c.Vocab, l.Dim)
	return l.Initializer.fill(l.weight, c.Vocab, l.Dim, rng)
}

// Params returns weight.
func (l *Embedding) Params() []*Param { return []*Param{l.weight} }

// Forward gathers the rows of the ids. An id outside the table panics: who
// fills the batch checks the ids.
func (l *Embedding) Forward(p *Pass, x *Tensor) *Tensor {
	y := p.Tensor(x.Shape[0], x.Shape[1], l.Dim)
	y.begins = x.begins
	l.lookUp(p, x, x.IDs, y)
	if p.packs != nil {
		y.IDs, y.embedding, y.padded = x.IDs, l.weight, p.padding(x)
	}
	return y
}

// lookUp gives y the rows of the ids, and the mask of x.
func (l *Embedding) lookUp(p *Pass, x *Tensor, ids []int32, y *Tensor) *embeddingNode {
	n := record[embeddingNode](p, y)
	n.w, n.ids, n.y = l.weight, ids, y
	y.constant = l.weight.Grad == nil
	if n.ahead == nil {
		n.ahead, n.back = n.gather, n.scatter
	}
	kernel.Parallel(len(ids), rowGrain(l.Dim), n.ahead)
	if l.MaskZero {
		y.Mask = p.bools.take(len(x.IDs))
		for i, id := range x.IDs {
			y.Mask[i] = id != 0
		}
	}
	return n
}

type embeddingNode struct {
	w        *Param
	ids      []int32
	y        *Tensor
	distinct distinct // what y has where a recurrent layer has joined

	ahead, back func(lo, hi int) // made once, so that later passes allocate nothing
}

func (n *embeddingNode) gather(lo, hi int) {
	dim := n.y.Shape.Last()
	for i := lo; i < hi; i++ {
		copy(n.y.Data[i*dim:(i+1)*dim], n.w.Data[int(n.ids[i])*dim:])
	}
}

func (n *embeddingNode) backward() {
	kernel.Parallel(scatterParts, scatterParts*rowGrain(n.y.Shape.Last())/max(len(n.ids), 1), n.back)
}

// scatterParts is how many parts the ids of an embedding are dealt out to on the way
// back. An id may occur several times, so that one core must add all its gradients.
const scatterParts = 8

// scatter adds the gradient to the rows whose ids belong to parts lo to hi.
func (n *embeddingNode) scatter(lo, hi int) {
	dim := n.y.Shape.Last()
	for i, id := range n.ids {
		if part := int(id) % scatterParts; part < lo || part >= hi {
			continue
		}
		row := n.w.Grad[int(id)*dim : (int(id)+1)*dim]
		kernel.Add(row, row, n.y.grad[i*dim:(i+1)*dim])
	}
}

// rowGrain is how many rows so wide are worth another core where they are copied.
func rowGrain(width int) int { return 1<<14/max(width, 1) + 1 }

func (l *Embedding) readsBackOnly() bool { return true }
