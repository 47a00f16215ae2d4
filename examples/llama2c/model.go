package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"pipe/stages/nn"
)

// header begins a model file. Vocab is negative where the head is a table of its own.
type header struct{ Dim, Hidden, Layers, Heads, KVHeads, Vocab, Length int32 }

// maxSize bounds each number of a header, so that products of four do not overflow.
const maxSize = 1 << 15

// check says what is wrong with the sizes, or that they do not fit a file of so
// many floats.
func (h header) check(floats int) error {
	for _, v := range []int32{h.Dim, h.Hidden, h.Layers, h.Heads, h.KVHeads, h.Length} {
		if v < 1 || v > maxSize {
			return fmt.Errorf("the header %+v has a size that is not between 1 and %d", h, maxSize)
		}
	}
	if h.Vocab == 0 || h.Dim%h.Heads != 0 || h.Heads%h.KVHeads != 0 || h.Dim/h.Heads%2 != 0 {
		return fmt.Errorf("the header %+v has heads that do not fit, or no vocabulary", h)
	}
	dim, hidden, vocab := int64(h.Dim), int64(h.Hidden), max(int64(h.Vocab), -int64(h.Vocab))
	head := dim / int64(h.Heads)
	kv := head * int64(h.KVHeads)
	want := vocab*dim + int64(h.Layers)*(2*dim+2*dim*dim+2*kv*dim+3*hidden*dim) + dim + int64(h.Length)*head
	if h.Vocab < 0 {
		want += vocab * dim
	}
	if int64(floats) != want {
		return fmt.Errorf("the file has %d numbers behind its header, the sizes %+v need %d", floats, h, want)
	}
	return nil
}

// readModel reads a model in llama2.c's first format: seven sizes, then the weights
// of all layers by kind, then tables of rotations, which are computed here.
func readModel(data []byte) (*nn.Network, error) {
	var h header
	r := bytes.NewReader(data)
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	if r.Len()%4 != 0 {
		return nil, fmt.Errorf("the file has %d bytes, which are no float32 numbers", len(data))
	}
	if err := h.check(r.Len() / 4); err != nil {
		return nil, err
	}
	l := &nn.Llama{Layers: int(h.Layers), Heads: int(h.Heads), KVHeads: int(h.KVHeads), Dim: int(h.Dim), Hidden: int(h.Hidden),
		RopeBase: 10000, Epsilon: 1e-5, Tied: h.Vocab > 0}
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{int(h.Length)}}, nn.Context{Vocab: int(max(h.Vocab, -h.Vocab))}, []nn.Layer{l}, 1)
	if err != nil {
		return nil, err
	}
	m := &reader{in: r, layers: l.Layers, params: map[string]*nn.Param{}}
	for _, p := range n.Params() {
		m.params[strings.TrimPrefix(p.Name, "0.")] = p
	}
	dim := int(h.Dim) / int(h.Heads)
	q, kv := int(h.Heads)*dim, int(h.KVHeads)*dim
	m.fill(m.params["embedding.weight"].Data)
	m.all("norm1.weight")
	m.rows("attention.in_proj.weight", 0, q)
	m.rows("attention.in_proj.weight", q, kv)
	m.rows("attention.in_proj.weight", q+kv, kv)
	m.all("attention.out_proj.weight")
	m.all("norm2.weight")
	m.all("gate.weight")
	m.all("down.weight")
	m.all("up.weight")
	m.fill(m.params["norm.weight"].Data)
	m.fill(make([]float32, int(h.Length)*dim)) // rotations
	if h.Vocab < 0 {
		m.fill(m.params["head.weight"].Data)
	}
	for i := range l.Layers {
		halves(m.params[fmt.Sprintf("blocks.%d.attention.in_proj.weight", i)].Data[:(q+kv)*int(h.Dim)], dim, int(h.Dim))
	}
	return n, m.err
}

// reader fills parameters in the order of the file.
type reader struct {
	in     *bytes.Reader
	layers int
	params map[string]*nn.Param
	err    error // the first
}

func (m *reader) fill(dst []float32) {
	if err := binary.Read(m.in, binary.LittleEndian, dst); err != nil && m.err == nil {
		m.err = err
	}
}

// rows fills count rows from first on of a parameter of every layer.
func (m *reader) rows(name string, first, count int) {
	for i := range m.layers {
		p := m.params[fmt.Sprintf("blocks.%d.%s", i, name)]
		size := len(p.Data) / p.Shape[0]
		m.fill(p.Data[first*size : (first+count)*size])
	}
}

func (m *reader) all(name string) { m.rows(name, 0, m.params["blocks.0."+name].Shape[0]) }

// halves reorders the rows of each head: llama2.c rotates neighbours, pipe an
// element of the first half with one of the second.
func halves(rows []float32, dim, width int) {
	for ; len(rows) > 0; rows = rows[dim*width:] {
		old := slices.Clone(rows[:dim*width])
		for i := range dim {
			copy(rows[(i%2*dim/2+i/2)*width:][:width], old[i*width:(i+1)*width])
		}
	}
}

// readPieces reads llama2.c's tokenizer: for each token a score, the length of its
// text, and the text.
func readPieces(data []byte, count int) ([]string, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("the tokenizer has %d bytes", len(data))
	}
	data = data[4:]
	var pieces []string
	for len(pieces) < count {
		if len(data) < 8 || uint64(len(data)-8) < uint64(binary.LittleEndian.Uint32(data[4:])) {
			return nil, fmt.Errorf("the tokenizer ends in token %d of %d", len(pieces), count)
		}
		size := binary.LittleEndian.Uint32(data[4:])
		pieces = append(pieces, string(data[8:8+size]))
		data = data[8+size:]
	}
	return pieces, nil
}
