package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// wordPiece takes the longest token that a word begins with, then the longest of
// the rest, and so on (Schuster and Nakajima 2012).
type wordPiece struct {
	ids     map[string]int32
	unknown int32
	prefix  string // of tokens that do not begin a word
	most    int    // characters of a word; longer ones are unknown
}

func newWordPiece(c *component, vocab map[string]int32) (*wordPiece, error) {
	m := &wordPiece{ids: vocab, prefix: "##", most: 100}
	unknown := "[UNK]"
	if err := c.read("unk_token", &unknown, "continuing_subword_prefix", &m.prefix, "max_input_chars_per_word", &m.most); err != nil {
		return nil, err
	}
	id, ok := vocab[unknown]
	if !ok {
		return nil, fmt.Errorf("the unk_token %q is not in the vocabulary", unknown)
	}
	m.unknown = id
	return m, nil
}

func (m *wordPiece) appendIDs(dst []int32, word string) []int32 {
	if utf8.RuneCountInString(word) > m.most {
		return append(dst, m.unknown)
	}
	first := len(dst)
	key := make([]byte, 0, len(m.prefix)+len(word))
	for at := 0; at < len(word); {
		key = key[:0]
		if at > 0 {
			key = append(key, m.prefix...)
		}
		from := len(key)
		key = append(key, word[at:]...)
		id, ok := int32(0), false
		for len(key) > from {
			if id, ok = m.ids[string(key)]; ok {
				break
			}
			_, size := utf8.DecodeLastRune(key)
			key = key[:len(key)-size]
		}
		if !ok {
			return append(dst[:first], m.unknown)
		}
		dst = append(dst, id)
		at += len(key) - from
	}
	return dst
}

// wordLevel has whole words.
type wordLevel struct {
	ids     map[string]int32
	unknown int32
}

func newWordLevel(c *component, vocab map[string]int32) (*wordLevel, error) {
	unknown := ""
	if err := c.field("unk_token", &unknown); err != nil {
		return nil, err
	}
	m := &wordLevel{ids: vocab, unknown: -1}
	if id, ok := vocab[unknown]; ok {
		m.unknown = id
	}
	return m, nil
}

func (m *wordLevel) appendIDs(dst []int32, word string) []int32 {
	if id, ok := m.ids[word]; ok {
		return append(dst, id)
	}
	if m.unknown < 0 {
		return dst
	}
	return append(dst, m.unknown)
}
