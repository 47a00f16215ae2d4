package transform

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/dag"
	"pipe/stages/nn"
)

// Embedded turns a column of text into the vectors that a trained network gives for
// it. The network's weights do not change: what is learnt afterwards is learnt of the
// vectors, which are computed once for each row of a training.
type Embedded struct {
	tokens  Transform // cuts a text into the network's input
	network *nn.Network
}

// NewEmbedded joins a transform that gives rows of tokens and a network that gives
// one vector for each.
func NewEmbedded(tokens Transform, n *nn.Network) (*Embedded, error) {
	s, out := tokens.Signature(), n.OutShape()
	switch {
	case s.Tokens == 0 || !n.Input.Tokens || !nn.Shape(s.Shape).Equal(nn.Shape(n.Input.Shape)):
		return nil, fmt.Errorf("the transform gives rows of %v with %d different tokens and the network reads %v", nn.Shape(s.Shape), s.Tokens, nn.Shape(n.Input.Shape))
	case n.Context.Vocab < s.Tokens:
		return nil, fmt.Errorf("the transform gives ids up to %d and the network knows %d ids", s.Tokens-1, n.Context.Vocab)
	case len(out) != 2:
		return nil, fmt.Errorf("one vector is needed for each text, and the network gives %v", out)
	}
	return &Embedded{tokens, n}, nil
}

// EmbeddedSignature says what an Embedded gives for the columns that it reads.
func EmbeddedSignature(inputs []dag.Column, dim int) *dag.Signature {
	return &dag.Signature{
		Inputs:  inputs,
		Outputs: []dag.Column{{Name: "embedding", Type: arrow.FixedSizeListOfNonNullable(int32(dim), arrow.PrimitiveTypes.Float32).String(), Doc: "the vector of the text"}},
		Shape:   []int{dim},
	}
}

// Signature implements Transform.
func (e *Embedded) Signature() dag.Signature {
	return *EmbeddedSignature(e.tokens.Signature().Inputs, e.network.OutShape().Last())
}

// Apply implements Transform.
func (e *Embedded) Apply(dst *Input, batch arrow.RecordBatch, first int64) error {
	var in Input
	if err := e.tokens.Apply(&in, batch, first); err != nil {
		if before := e.Embed(dst, &in, first); before != nil { // the rows before the bad one
			return before
		}
		return err
	}
	return e.Embed(dst, &in, first)
}

// ApplyRow implements Transform.
func (e *Embedded) ApplyRow(dst *Input, row map[string]any) error {
	var in Input
	if err := e.tokens.ApplyRow(&in, row); err != nil {
		return err
	}
	return e.Embed(dst, &in, 1)
}

// embedRows is how many rows go through the network at once.
const embedRows = 32

// Embed appends the vectors of rows of tokens, the first of which has the number first
// in messages. Rows of like length go together,
// since a batch costs what its longest row does; what a row gives does not depend on
// that.
func (e *Embedded) Embed(dst *Input, in *Input, first int64) error {
	length, dim := e.network.Input.Shape[0], e.network.OutShape().Last()
	order, used := make([]int, in.Rows), make([]int, in.Rows)
	for i := range order {
		order[i] = i
		for j, id := range in.IDs[i*length : (i+1)*length] {
			if id != 0 {
				used[i] = j + 1
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(used[a], used[b]) })
	src := &nn.Examples{Count: in.Rows, Tokens: make([]int32, 0, len(in.IDs))}
	for _, i := range order {
		src.Tokens = append(src.Tokens, in.IDs[i*length:(i+1)*length]...)
	}
	from := len(dst.Values)
	values := append(dst.Values, make([]float32, in.Rows*dim)...)
	err := e.network.Predict(context.Background(), src, embedRows, func(at int, y []float32) error {
		for j := range len(y) / dim {
			row := y[j*dim : (j+1)*dim]
			for _, v := range row {
				if v-v != 0 {
					return fmt.Errorf("row %d: the network gives numbers that are not finite", first+int64(order[at+j]))
				}
			}
			copy(values[from+order[at+j]*dim:], row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	dst.Values = values
	dst.Rows += in.Rows
	return nil
}

// embeddedTokens is the folder of the inner transform; transform.json and the files of
// the network are beside it.
const embeddedTokens = "tokens"

// save implements Transform.
func (e *Embedded) save(w Files) (any, error) {
	if err := e.network.Save(w.Create); err != nil {
		return nil, err
	}
	return struct{}{}, Save(Subfolder(w, embeddedTokens), e.tokens)
}

func loadEmbedded(fsys fs.FS, _ json.RawMessage) (Transform, error) {
	n, err := nn.Load(fsys)
	if err != nil {
		return nil, err
	}
	sub, err := fs.Sub(fsys, embeddedTokens)
	if err != nil {
		return nil, err
	}
	tokens, err := Load(sub)
	if err != nil {
		return nil, err
	}
	return NewEmbedded(tokens, n)
}
