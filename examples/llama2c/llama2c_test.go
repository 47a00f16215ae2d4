package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPublishedStoryModelTellsItsStory compares with what llama2.c tells itself at
// temperature 0.
func TestPublishedStoryModelTellsItsStory(t *testing.T) {
	folder := os.Getenv("PIPE_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	folder = filepath.Join(folder, "lm")
	want, err := os.ReadFile(filepath.Join(folder, "stories260K.expected.txt"))
	if err != nil {
		t.Skipf("skipped: %v; set PIPE_TEST_DATA to the folder with test data", err)
	}
	got, err := tellFrom(filepath.Join(folder, "stories260K.bin"), filepath.Join(folder, "tok512.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.TrimSpace(string(want)) {
		t.Errorf("it tells\n%s\nand not\n%s", got, want)
	}
}

// modelFile is a small model, with a head of its own or without.
func modelFile(vocab int32) []byte {
	h := header{Dim: 8, Hidden: 12, Layers: 2, Heads: 2, KVHeads: 1, Vocab: vocab, Length: 9}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, h)
	count := 0
	for h.check(count) != nil {
		count++
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range count {
		binary.Write(&b, binary.LittleEndian, float32(r.NormFloat64()))
	}
	return b.Bytes()
}

func tokenizerFile(count int) []byte {
	data := []byte{4, 0, 0, 0}
	for i := range count {
		data = append(data, 0, 0, 0, 0, 1, 0, 0, 0, byte('a'+i))
	}
	return data
}

func TestSmallModelsAreRead(t *testing.T) {
	for _, vocab := range []int32{7, -7} {
		n, err := readModel(modelFile(vocab))
		if err != nil {
			t.Fatal(err)
		}
		pieces, err := readPieces(tokenizerFile(7), 7)
		if err != nil {
			t.Fatal(err)
		}
		first, err := tell(n, pieces, 6)
		if err != nil {
			t.Fatal(err)
		}
		again, err := tell(n, pieces, 6)
		if err != nil || first != again {
			t.Errorf("it tells %q, then %q: %v", first, again, err)
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	whole := modelFile(7)
	huge := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(huge, 1<<30)
	heads := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(heads[12:], 3)
	for what, data := range map[string][]byte{
		"the header:":        whole[:20],
		"numbers behind":     whole[:len(whole)-4],
		"no float32 numbers": whole[:len(whole)-1],
		"is not between":     huge,
		"do not fit":         heads,
	} {
		if _, err := readModel(data); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("the error is %v, want %q", err, what)
		}
	}
	for _, data := range [][]byte{nil, tokenizerFile(6), append(tokenizerFile(6), 0, 0, 0, 0, 255, 255, 255, 255)} {
		if _, err := readPieces(data, 7); err == nil {
			t.Errorf("a tokenizer of %d bytes is read", len(data))
		}
	}
}
