package nn

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
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
		next := Sampler{}.Choose(logits, nil)
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

func TestDecoderEqualsTheWholeSequence(t *testing.T) {
	for _, l := range []Layer{
		&GPT{Layers: 2, Heads: 2, Dim: 8},
		&Llama{Layers: 2, Heads: 4, KVHeads: 2, Dim: 16, RopeBase: 100, Epsilon: 1e-5},
	} {
		n, err := NewNetwork(Input{Tokens: true, Shape: []int{7}}, Context{Vocab: 11}, []Layer{l}, 3)
		if err != nil {
			t.Fatal(err)
		}
		tokens := []int32{3, 1, 4, 1, 5, 9, 2}
		p := NewPass()
		x := p.Tokens(1, 7)
		copy(x.IDs, tokens)
		whole := n.Forward(p, x).logits
		d, err := n.NewDecoder(7)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, count := range []int{3, 1, 2, 1} {
			got, err := d.Next(context.Background(), tokens[at:at+count]...)
			if err != nil {
				t.Fatal(err)
			}
			at += count
			for i, want := range whole.Data[(at-1)*11 : at*11] {
				if math.Abs(float64(got[i]-want)) > 1e-5 {
					t.Fatalf("%s: after %d tokens logit %d is %v, with all at once %v", LayerKind(l), at, i, got[i], want)
				}
			}
		}
		if _, err := d.Next(context.Background(), 1); err == nil {
			t.Errorf("%s: an eighth token fits into seven places", LayerKind(l))
		}
	}
}

func TestDecoderRefusesNetworksThatLookAhead(t *testing.T) {
	_, err := countingNetwork(t, 1).NewDecoder(5)
	if err == nil {
		t.Error("a network with one answer for a whole sequence decodes")
	}
	lstm := &LSTM{Recurrent: recurrentDefaults()}
	lstm.Units, lstm.ReturnSequences, lstm.Bidirectional = 4, true, true
	n, err := NewNetwork(Input{Tokens: true, Shape: []int{7}}, Context{Vocab: 11, Classes: 11},
		[]Layer{&Embedding{Dim: 3, Initializer: RandomUniform}, lstm, classifier(Classes, Softmax)}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.NewDecoder(5); err == nil || !strings.Contains(err.Error(), "layer 2 (lstm)") {
		t.Errorf("a bidirectional network decodes: %v", err)
	}
}

func TestSamplerDrawsFromTheDistribution(t *testing.T) {
	logits := []float32{0, float32(math.Log(2)), float32(math.Log(5)), -40}
	for _, c := range []struct {
		s    Sampler
		want [4]float64
	}{
		{Sampler{}, [4]float64{0, 0, 1, 0}},
		{Sampler{Temperature: 1, TopP: 1}, [4]float64{1. / 8, 2. / 8, 5. / 8, 0}},
		{Sampler{Temperature: 0.5}, [4]float64{1. / 30, 4. / 30, 25. / 30, 0}},
		{Sampler{Temperature: 1, TopK: 2}, [4]float64{0, 2. / 7, 5. / 7, 0}},
		{Sampler{Temperature: 1, TopP: 0.6}, [4]float64{0, 0, 1, 0}},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		var counts [4]float64
		const draws = 20000
		for range draws {
			counts[c.s.Choose(logits, rng)]++
		}
		for i, n := range counts {
			if math.Abs(n/draws-c.want[i]) > 0.015 {
				t.Errorf("%+v chooses token %d in %.3f of all draws, want %.3f", c.s, i, n/draws, c.want[i])
			}
		}
	}
}
