// Package tokenizer owns sub-word tokenizers in the format of Hugging Face's
// tokenizers library: tokenizer.json is read, and gives the ids that the library
// gives; and byte-level BPE is trained, with the merges that its trainer finds.
//
// A text passes four steps, each of which the file may leave out: a normaliser
// changes it, a pre-tokenizer cuts it into words, the model (BPE, WordPiece or
// whole words) cuts those into tokens, and a post-processor adds the special ones.
// A component that this package does not know is refused by name, because
// skipping it would give other ids.
package tokenizer

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Tokenizer turns text into ids and back. It does not change and may be used by
// several goroutines at once.
type Tokenizer struct {
	raw       []byte // the file as it was read
	normalize normalizer
	split     preTokenizer
	model     wordModel
	post      post
	decode    decoder
	added     added
	tokens    []string // by id; "" where an id is not used
	ids       map[string]int32
	ends      []int32
}

// wordModel cuts one word.
type wordModel interface {
	appendIDs(dst []int32, word string) []int32
}

// Size is one more than the highest id.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// JSON is the tokenizer.json that the tokenizer was made from.
func (t *Tokenizer) JSON() []byte { return t.raw }

// ID finds a token.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token gives the token of an id as the file spells it, "" where there is none.
func (t *Tokenizer) Token(id int32) string {
	if id < 0 || int(id) >= len(t.tokens) {
		return ""
	}
	return t.tokens[id]
}

// endNames are what published tokenizers call the tokens that end a text.
var endNames = []string{EndOfText, "</s>", "<|end_of_text|>", "<|eot_id|>", "<|im_end|>", "<eos>", "[EOS]"}

// Ends are the ids of the tokens that end a text, by their usual names.
func (t *Tokenizer) Ends() []int32 { return t.ends }

// Begin gives the ids that the post-processor puts before a text.
func (t *Tokenizer) Begin() []int32 { return slices.Clone(t.post.before) }

// Encode appends the ids of a text, without the special tokens that the
// post-processor adds. Special tokens that are written out in the text get their
// ids.
func (t *Tokenizer) Encode(dst []int32, text string) []int32 {
	t.added.raw.cut(text, func(piece string, id int32, at int) {
		if id >= 0 {
			dst = append(dst, id)
			return
		}
		t.added.normalized.cut(t.normalize.apply(piece), func(piece string, id int32, inner int) {
			if id >= 0 {
				dst = append(dst, id)
				return
			}
			t.split.words(piece, at == 0 && inner == 0, func(word string) { dst = t.model.appendIDs(dst, word) })
		})
	})
	return dst
}

// EncodeFull appends the ids of a text with those that the post-processor adds,
// [CLS] and [SEP] of BERT for example. A text that would give more than most ids
// loses its end; the added ones stay. Most 0 is no bound.
func (t *Tokenizer) EncodeFull(dst []int32, text string, most int) []int32 {
	if most <= 0 {
		most = math.MaxInt
	}
	from := len(dst)
	dst = append(dst, t.post.before...)
	first := len(dst)
	dst = t.Encode(dst, text)
	keep := max(most-len(t.post.before)-len(t.post.after), 0)
	dst = dst[:min(len(dst), first+keep)]
	dst = append(dst, t.post.after...)
	return dst[:min(len(dst), from+most)]
}

// Decode gives the text of ids. Special tokens and ids that are out of range are
// left out; bytes that are no UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int32) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if token := t.Token(id); token != "" && !t.added.special[id] {
			tokens = append(tokens, token)
		}
	}
	return t.decode(tokens)
}

// Unknown is the id of pieces of text that have none of their own; ok is false
// where there is no such id and they are left out or cut into bytes.
func (t *Tokenizer) Unknown() (id int32, ok bool) {
	id = -1
	switch m := t.model.(type) {
	case *bpe:
		id = m.unknown
	case *wordPiece:
		id = m.unknown
	case *wordLevel:
		id = m.unknown
	}
	return id, id >= 0
}

// Special tells whether an id is a special token.
func (t *Tokenizer) Special(id int32) bool { return t.added.special[id] }

// setToken enters a token; two tokens of one id are a damaged file.
func (t *Tokenizer) setToken(token string, id int32) error {
	if id < 0 || id > maxID {
		return fmt.Errorf("the id %d of %q is out of range", id, token)
	}
	for int(id) >= len(t.tokens) {
		t.tokens = append(t.tokens, make([]string, max(int(id)+1-len(t.tokens), len(t.tokens)))...)
	}
	if have := t.tokens[id]; have != "" && have != token {
		return fmt.Errorf("%q and %q have the same id %d", have, token, id)
	}
	t.tokens[id], t.ids[token] = token, id
	return nil
}

// trim drops the unused room behind the highest id.
func (t *Tokenizer) trim() {
	n := len(t.tokens)
	for n > 0 && t.tokens[n-1] == "" {
		n--
	}
	t.tokens = t.tokens[:n:n]
}

// maxID bounds ids: a vocabulary of more than a few hundred thousand tokens is
// a damaged file, and memory is taken for the highest id.
const maxID = 1 << 22

// Describe names the model and its size for a log.
func (t *Tokenizer) Describe() string {
	kind := strings.TrimPrefix(fmt.Sprintf("%T", t.model), "*tokenizer.")
	return fmt.Sprintf("%s with %d tokens", map[string]string{"bpe": "BPE", "wordPiece": "WordPiece", "wordLevel": "whole words"}[kind], t.Size())
}
