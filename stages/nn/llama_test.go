package nn

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// storyModel reads a model in llama2.c's first format: seven sizes, then the
// weights of all layers by kind.
func storyModel(t *testing.T) (n *Network, length int) {
	t.Helper()
	data, err := os.ReadFile(testData(t, "lm/stories260K.bin"))
	if err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(data)
	var h struct{ Dim, Hidden, Layers, Heads, KVHeads, Vocab, Length int32 }
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		t.Fatal(err)
	}
	l := &Llama{Layers: int(h.Layers), Heads: int(h.Heads), KVHeads: int(h.KVHeads), Dim: int(h.Dim), Hidden: int(h.Hidden),
		RopeBase: 10000, Epsilon: 1e-5, Tied: h.Vocab > 0}
	n, err = NewNetwork(Input{Tokens: true, Shape: []int{int(h.Length)}}, Context{Vocab: int(h.Vocab)}, []Layer{l}, 1)
	if err != nil {
		t.Fatal(err)
	}
	params := map[string]*Param{}
	for _, p := range n.Params() {
		params[strings.TrimPrefix(p.Name, "0.")] = p
	}
	fill := func(dst []float32) {
		if err := binary.Read(r, binary.LittleEndian, dst); err != nil {
			t.Fatal(err)
		}
	}
	each := func(name string, rows func(i int) (first, count int)) {
		for i := range l.Layers {
			p := params[fmt.Sprintf("blocks.%d.%s", i, name)]
			first, count := rows(i)
			size := len(p.Data) / p.Shape[0]
			fill(p.Data[first*size : (first+count)*size])
		}
	}
	all := func(name string) {
		each(name, func(int) (int, int) { return 0, params["blocks.0."+name].Shape[0] })
	}
	dim := int(h.Dim) / int(h.Heads)
	q, kv := int(h.Heads)*dim, int(h.KVHeads)*dim
	fill(params["embedding.weight"].Data)
	all("norm1.weight")
	each("attention.in_proj.weight", func(int) (int, int) { return 0, q })
	each("attention.in_proj.weight", func(int) (int, int) { return q, kv })
	each("attention.in_proj.weight", func(int) (int, int) { return q + kv, kv })
	all("attention.out_proj.weight")
	all("norm2.weight")
	all("gate.weight")
	all("down.weight")
	all("up.weight")
	fill(params["norm.weight"].Data)
	for i := range l.Layers {
		p := params[fmt.Sprintf("blocks.%d.attention.in_proj.weight", i)]
		halves(p.Data[:(q+kv)*int(h.Dim)], dim, int(h.Dim))
	}
	return n, int(h.Length)
}

// halves reorders the rows of each head: llama2.c rotates neighbours, this package
// an element of the first half with one of the second.
func halves(rows []float32, dim, width int) {
	for ; len(rows) > 0; rows = rows[dim*width:] {
		old := slices.Clone(rows[:dim*width])
		for i := range dim {
			copy(rows[(i%2*dim/2+i/2)*width:][:width], old[i*width:(i+1)*width])
		}
	}
}

// storyPieces reads llama2.c's tokenizer.
func storyPieces(t *testing.T, count int) []string {
	t.Helper()
	data, err := os.ReadFile(testData(t, "lm/tok512.bin"))
	if err != nil {
		t.Fatal(err)
	}
	data = data[4:]
	var pieces []string
	for range count {
		size := binary.LittleEndian.Uint32(data[4:])
		pieces = append(pieces, string(data[8:8+size]))
		data = data[8+size:]
	}
	return pieces
}

func TestPublishedStoryModelTellsItsStory(t *testing.T) {
	n, length := storyModel(t)
	want, err := os.ReadFile(testData(t, "lm/stories260K.expected.txt"))
	if err != nil {
		t.Fatal(err)
	}
	pieces := storyPieces(t, n.Context.Vocab)
	d, err := n.NewDecoder(length)
	if err != nil {
		t.Fatal(err)
	}
	const begin = 1
	var told strings.Builder
	token := int32(begin)
	for range 200 {
		logits, err := d.Next(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		next := Sampler{}.Chooser(0).Choose(logits)
		if next == begin {
			break
		}
		piece := pieces[next]
		if token == begin {
			piece = strings.TrimPrefix(piece, " ")
		}
		var b byte
		if _, err := fmt.Sscanf(piece, "<0x%02X>", &b); err == nil {
			piece = string(rune(b))
		}
		told.WriteString(piece)
		token = next
	}
	if strings.TrimSpace(told.String()) != strings.TrimSpace(string(want)) {
		t.Errorf("it tells\n%s\nand not\n%s", told.String(), want)
	}
}
