package tokenizer

import (
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"slices"
)

// EndOfText is the special token of trained tokenizers: id 0, which also stands
// for padding.
const EndOfText = "<|endoftext|>"

// FewestTokens is the least that a trained tokenizer has: EndOfText and a token
// for each byte.
const FewestTokens = 257

// Trainer learns byte-level BPE from texts.
type Trainer struct {
	counts map[string]int64
	Texts  int64
	Bytes  int64
}

// NewTrainer returns a trainer that has seen nothing.
func NewTrainer() *Trainer { return &Trainer{counts: map[string]int64{}} }

// Words is how many different words were seen, from which memory follows.
func (t *Trainer) Words() int { return len(t.counts) }

// Add counts the words of a text.
func (t *Trainer) Add(text string) {
	t.Texts++
	t.Bytes += int64(len(text))
	gptWords(text, func(word string) { t.counts[word]++ })
}

// Train makes a tokenizer of up to size tokens, and fewer where no pair occurs
// fewest times any more. The merges are those of Hugging Face's BpeTrainer with
// the byte-level alphabet.
func (t *Trainer) Train(size int, fewest int64) (*Tokenizer, error) {
	if size < FewestTokens || size > maxID {
		return nil, fmt.Errorf("a vocabulary has from %d to %d tokens (%s and one for each byte at least), not %d", FewestTokens, maxID, EndOfText, size)
	}
	tr := newTraining(t.counts)
	for len(tr.tokens) < size && tr.step(max(fewest, 1)) {
	}
	b, err := tr.file()
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// training is a trainer at work.
type training struct {
	tokens []string
	ids    map[string]int32
	merges [][2]string
	words  []trainedWord
	counts map[pair]int64
	queue  pairQueue
}

type trainedWord struct {
	symbols []int32
	count   int64
}

// pairs is a pair with the words in which it was found.
type pairs struct {
	pair  pair
	count int64
	words map[int]bool
}

func newTraining(words map[string]int64) *training {
	tr := &training{ids: map[string]int32{}, counts: map[pair]int64{}}
	tr.token(EndOfText)
	chars := byteChars()
	alphabet := chars[:]
	slices.Sort(alphabet)
	for _, r := range alphabet {
		tr.token(string(r))
	}
	found := map[pair]map[int]bool{}
	for word, count := range words {
		w := trainedWord{count: count}
		for _, r := range visible(word) {
			w.symbols = append(w.symbols, tr.ids[string(r)])
		}
		for i := range len(w.symbols) - 1 {
			tr.count(found, pair{w.symbols[i], w.symbols[i+1]}, count, len(tr.words))
		}
		tr.words = append(tr.words, w)
	}
	tr.enqueue(found)
	return tr
}

func (tr *training) token(text string) int32 {
	id, ok := tr.ids[text]
	if !ok {
		id = int32(len(tr.tokens))
		tr.tokens, tr.ids[text] = append(tr.tokens, text), id
	}
	return id
}

// count adds to the count of a pair, and remembers the word where it is found anew.
func (tr *training) count(found map[pair]map[int]bool, p pair, by int64, word int) {
	tr.counts[p] += by
	if by > 0 {
		if found[p] == nil {
			found[p] = map[int]bool{}
		}
		found[p][word] = true
	}
}

func (tr *training) enqueue(found map[pair]map[int]bool) {
	for p, words := range found {
		if n := tr.counts[p]; n > 0 {
			heap.Push(&tr.queue, &pairs{p, n, words})
		}
	}
}

// step makes the next merge; false means that there is none.
func (tr *training) step(fewest int64) bool {
	for len(tr.queue) > 0 {
		top := heap.Pop(&tr.queue).(*pairs)
		if n := tr.counts[top.pair]; n != top.count {
			top.count = n
			heap.Push(&tr.queue, top)
			continue
		}
		if top.count < fewest {
			return false
		}
		left, right := tr.tokens[top.pair.left], tr.tokens[top.pair.right]
		id := tr.token(left + right)
		tr.merges = append(tr.merges, [2]string{left, right})
		found := map[pair]map[int]bool{}
		for w := range top.words {
			tr.merge(found, w, top.pair, id)
		}
		tr.enqueue(found)
		return true
	}
	return false
}

// merge replaces a pair in a word and counts the neighbours anew.
func (tr *training) merge(found map[pair]map[int]bool, word int, p pair, id int32) {
	w := &tr.words[word]
	s := w.symbols
	for i := 0; i+1 < len(s); i++ {
		if s[i] != p.left || s[i+1] != p.right {
			continue
		}
		if i > 0 {
			tr.count(found, pair{s[i-1], p.left}, -w.count, word)
			tr.count(found, pair{s[i-1], id}, w.count, word)
		}
		s[i] = id
		s = slices.Delete(s, i+1, i+2)
		if i+1 < len(s) {
			tr.count(found, pair{p.right, s[i+1]}, -w.count, word)
			tr.count(found, pair{id, s[i+1]}, w.count, word)
		}
	}
	w.symbols = s
}

// file writes tokenizer.json.
func (tr *training) file() ([]byte, error) {
	level := map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}
	vocab := make(map[string]int32, len(tr.tokens))
	for id, token := range tr.tokens {
		vocab[token] = int32(id)
	}
	merges := tr.merges
	if merges == nil {
		merges = [][2]string{}
	}
	return json.MarshalIndent(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "normalizer": nil,
		"added_tokens":  []any{map[string]any{"id": 0, "content": EndOfText, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}},
		"pre_tokenizer": level, "post_processor": level, "decoder": level,
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges},
	}, "", " ")
}

// pairQueue implements heap.Interface: the most frequent pair first, and of equal
// ones the one whose tokens came first.
type pairQueue []*pairs

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	a, b := q[i], q[j]
	return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.pair.left, b.pair.left), cmp.Compare(a.pair.right, b.pair.right)) < 0
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *pairQueue) Push(x any) { *q = append(*q, x.(*pairs)) }

// Pop implements heap.Interface.
func (q *pairQueue) Pop() any {
	old := *q
	p := old[len(old)-1]
	*q = old[:len(old)-1]
	return p
}
