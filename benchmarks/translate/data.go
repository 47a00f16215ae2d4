package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"pipe/stages/nn"
	"pipe/stages/transform"
)

// pair is the tokens of a text and of its translation.
type pair [2][]int32

// ids is what both contestants learn from and are asked.
type ids struct {
	Vocab      int        `json:"vocab"`
	Train      []pair     `json:"train"`
	Validation []pair     `json:"validation"`
	Texts      []string   `json:"texts"` // of the test, each once
	Tokens     [][]int32  `json:"tokens"`
	References [][]string `json:"references"`
}

// prepare writes what both contestants read, so that they see the same batches and begin with the same weights.
func prepare(folder string, s settings) error {
	l, err := language(folder)
	if err != nil {
		return err
	}
	data := ids{Vocab: l.Signature().Tokens}
	for name, to := range map[string]*[]pair{"train": &data.Train, "validation": &data.Validation} {
		if err := eachPair(folder, name, func(text, translation string) {
			p := pair{l.EncodeText(nil, text), l.EncodeText(nil, translation)}
			if len(p[0]) <= source && len(p[1]) <= target {
				*to = append(*to, p)
			}
		}); err != nil {
			return err
		}
	}
	if err := data.addTest(folder, l); err != nil {
		return err
	}
	n, err := network(folder, s, l, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d pairs to learn from, %d for validation, %d texts for the test, %d sub-words\n", len(data.Train), len(data.Validation), len(data.Texts), data.Vocab)
	return errors.Join(writeJSON(filepath.Join(folder, "ids.json"), data), writeOrders(folder, len(data.Train)), saveWeights(folder, "first", n))
}

func (d *ids) addTest(folder string, l transform.Language) error {
	place := map[string]int{}
	return eachPair(folder, "test", func(text, translation string) {
		at, ok := place[text]
		if !ok {
			at = len(d.Texts)
			place[text] = at
			tokens := l.EncodeText(nil, text)
			d.Texts, d.Tokens, d.References = append(d.Texts, text), append(d.Tokens, tokens[:min(len(tokens), source)]), append(d.References, nil)
		}
		d.References[at] = append(d.References[at], translation)
	})
}

// eachPair reads a table of the pipeline.
func eachPair(folder, name string, f func(text, translation string)) error {
	file, err := os.Open(filepath.Join(folder, name+".jsonl"))
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var row struct{ Swedish, English string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		f(row.Swedish, row.English)
	}
	return lines.Err()
}

// writeOrders draws in which order each epoch sees the pairs.
func writeOrders(folder string, pairs int) error {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 0, 4*epochs*pairs)
	for range epochs {
		for _, i := range r.Perm(pairs) {
			b = binary.LittleEndian.AppendUint32(b, uint32(i))
		}
	}
	return os.WriteFile(filepath.Join(folder, "orders.bin"), b, 0o666)
}

// examples is pairs as a nn.Source: the ids of a text, filled up with 0, and 0 followed by those of its translation; to be given are
// the latter followed by 0. With orders, each epoch sees the pairs in its own.
type examples struct {
	all    []pair
	orders []byte
	epoch  int
}

func (e *examples) Len() int { return len(e.all) }

func (e *examples) BeginEpoch(epoch int) { e.epoch = epoch % epochs }

func (e *examples) Batch(_ context.Context, numbers []int, b *nn.Batch) error {
	const places = target + 1
	clear(b.Tokens)
	for i, number := range numbers {
		if e.orders != nil {
			number = int(binary.LittleEndian.Uint32(e.orders[4*(e.epoch*len(e.all)+number):]))
		}
		p := e.all[number]
		row := b.Tokens[i*(source+places):][:source+places]
		copy(row, p[0])
		copy(row[source+1:], p[1])
		if b.Labels == nil {
			continue
		}
		labels := b.Labels[i*places:][:places]
		n := copy(labels, p[1])
		labels[n] = 0
		for j := n + 1; j < places; j++ {
			labels[j] = -1
		}
	}
	return nil
}
