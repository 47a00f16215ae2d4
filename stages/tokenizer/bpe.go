package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// bpe is byte pair encoding (Sennrich et al. 2016): a word begins as its
// characters, and of all neighbours that were ever merged those that were merged
// first become one.
type bpe struct {
	ids          map[string]int32
	merges       map[pair]merge
	prefix       string // of characters that do not begin a word
	suffix       string // of the one that ends it
	unknown      int32  // -1: characters without an id are left out
	fuse         bool   // unknown neighbours are one
	byteFallback bool   // characters without an id become tokens such as <0xE2>
	ignoreMerges bool   // a word that is a token is that one

	mu    sync.RWMutex
	cache map[string][]int32
}

// pair is two neighbours.
type pair struct{ left, right int32 }

// merge is what two neighbours become, and how early they do.
type merge struct {
	rank int
	id   int32
}

// cacheWords bounds the words that are remembered, and cacheBytes their length.
const cacheWords, cacheBytes = 1 << 16, 64

func newBPE(c *component, vocab map[string]int32) (*bpe, error) {
	m := &bpe{ids: vocab, merges: map[pair]merge{}, unknown: -1, cache: map[string][]int32{}}
	unknown := ""
	var merges []mergeText
	if err := c.read("merges", &merges, "continuing_subword_prefix", &m.prefix, "end_of_word_suffix", &m.suffix, "unk_token", &unknown,
		"fuse_unk", &m.fuse, "byte_fallback", &m.byteFallback, "ignore_merges", &m.ignoreMerges); err != nil {
		return nil, err
	}
	if unknown != "" {
		id, ok := vocab[unknown]
		if !ok {
			return nil, fmt.Errorf("the unk_token %q is not in the vocabulary", unknown)
		}
		m.unknown = id
	}
	for rank, t := range merges {
		left, okLeft := vocab[t[0]]
		right, okRight := vocab[t[1]]
		id, ok := vocab[t[0]+strings.TrimPrefix(t[1], m.prefix)]
		if !okLeft || !okRight || !ok {
			return nil, fmt.Errorf("merge %d: %q and %q, or what they become, is not in the vocabulary", rank+1, t[0], t[1])
		}
		if _, twice := m.merges[pair{left, right}]; !twice {
			m.merges[pair{left, right}] = merge{rank, id}
		}
	}
	return m, nil
}

// mergeText is "a b", or since 2024 ["a", "b"].
type mergeText [2]string

// UnmarshalJSON implements json.Unmarshaler.
func (t *mergeText) UnmarshalJSON(b []byte) error {
	var line string
	if json.Unmarshal(b, &line) == nil {
		left, right, ok := strings.Cut(line, " ")
		if !ok {
			return fmt.Errorf("the merge %q is not two tokens", line)
		}
		*t = mergeText{left, right}
		return nil
	}
	var two []string
	if err := json.Unmarshal(b, &two); err != nil {
		return err
	}
	if len(two) != 2 {
		return errors.New("a merge is two tokens")
	}
	*t = mergeText(two)
	return nil
}

func (m *bpe) appendIDs(dst []int32, word string) []int32 {
	if m.ignoreMerges {
		if id, ok := m.ids[word]; ok {
			return append(dst, id)
		}
	}
	if len(word) > cacheBytes {
		return append(dst, m.cut(word)...)
	}
	m.mu.RLock()
	ids, ok := m.cache[word]
	m.mu.RUnlock()
	if !ok {
		ids = m.cut(word)
		m.mu.Lock()
		if len(m.cache) < cacheWords {
			m.cache[strings.Clone(word)] = ids
		}
		m.mu.Unlock()
	}
	return append(dst, ids...)
}

// cut gives the tokens of a word.
func (m *bpe) cut(word string) []int32 {
	return m.merged(m.characters(word))
}

// characters gives the ids that a word begins as.
func (m *bpe) characters(word string) []int32 {
	var out []int32
	unknown := false // whether the last was
	for i := 0; i < len(word); {
		_, size := utf8.DecodeRuneInString(word[i:])
		text := word[i : i+size]
		if i > 0 {
			text = m.prefix + text
		}
		if i+size == len(word) {
			text += m.suffix
		}
		i += size
		if id, ok := m.ids[text]; ok {
			out, unknown = append(out, id), false
			continue
		}
		if m.byteFallback {
			if ids, ok := m.bytes(text); ok {
				out, unknown = append(out, ids...), false
				continue
			}
		}
		if m.unknown >= 0 && !(unknown && m.fuse) {
			out, unknown = append(out, m.unknown), true
		}
	}
	return out
}

// bytes gives the tokens of the bytes of a character.
func (m *bpe) bytes(text string) (ids []int32, ok bool) {
	for i := range len(text) {
		id, ok := m.ids[fmt.Sprintf("<0x%02X>", text[i])]
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}
