package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"pipe/stages/nn"
)

// tokenizerName is the vocabulary in the format of Hugging Face's tokenizers.
// Their library gives the same ids, with three exceptions that the format has
// no words for: without an oov_token it marks the words that a Vectorizer leaves
// out with the first id that is not ours; it knows no final sigma; and it does
// not strip HTML.
const tokenizerName = "tokenizer.json"

// tokenizerFile is tokenizer.json. Fields that are always null must be there.
type tokenizerFile struct {
	Version       string     `json:"version"`
	Truncation    truncation `json:"truncation"`
	Padding       padding    `json:"padding"`
	AddedTokens   []string   `json:"added_tokens"`
	Normalizer    component  `json:"normalizer"`
	PreTokenizer  component  `json:"pre_tokenizer"`
	PostProcessor *component `json:"post_processor"`
	Decoder       *component `json:"decoder"`
	Model         wordLevel  `json:"model"`
}

type truncation struct {
	Direction string `json:"direction"`
	MaxLength int    `json:"max_length"`
	Strategy  string `json:"strategy"`
	Stride    int    `json:"stride"`
}

type padding struct {
	Strategy  map[string]int `json:"strategy"`
	Direction string         `json:"direction"`
	Multiple  *int           `json:"pad_to_multiple_of"`
	ID        int            `json:"pad_id"`
	TypeID    int            `json:"pad_type_id"`
	Token     string         `json:"pad_token"`
}

// component is a part of the tokenizer that its "type" chooses.
type component map[string]any

type wordLevel struct {
	Type  string     `json:"type"`
	Vocab vocabulary `json:"vocab"`
	Unk   string     `json:"unk_token"`
}

// vocabulary is words by id, from 0, written as an object of word and id in
// the order of the ids.
type vocabulary []string

// MarshalJSON implements json.Marshaler.
func (v vocabulary) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for id, w := range v {
		if id > 0 {
			b = append(b, ',')
		}
		q, err := json.Marshal(w)
		if err != nil {
			return nil, err
		}
		b = append(append(b, q...), ':')
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *vocabulary) UnmarshalJSON(b []byte) error {
	ids := map[string]int{}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&ids); err != nil {
		return err
	}
	words := make([]string, len(ids))
	seen := make([]bool, len(ids))
	for w, id := range ids {
		if id < 0 || id >= len(words) || seen[id] {
			return fmt.Errorf("the id %d of %q is out of range or given twice", id, w)
		}
		words[id], seen[id] = w, true
	}
	*v = words
	return nil
}

// save implements Transform.
func (v *Vectorizer) save(w Files) (any, error) {
	c := &v.config
	pre := component{"type": "Split", "pattern": component{"Regex": v.split.pattern()}, "behavior": "Removed", "invert": false}
	if c.Level == "char" {
		pre["behavior"] = "Isolated"
	}
	vocab, unk := vocabulary(v.words), c.OOV
	if unk == "" {
		unk = v.freeName()
		vocab = append(slices.Clip(vocab), unk)
	}
	return v.config, nn.WriteJSON(w.Create, tokenizerName, tokenizerFile{
		Version:      "1.0",
		Truncation:   truncation{Direction: side(c.Truncating), MaxLength: c.MaxLen, Strategy: "LongestFirst"},
		Padding:      padding{Strategy: map[string]int{"Fixed": c.MaxLen}, Direction: side(c.Padding)},
		AddedTokens:  []string{},
		Normalizer:   component{"type": "Sequence", "normalizers": c.components()},
		PreTokenizer: pre,
		Model:        wordLevel{Type: "WordLevel", Vocab: vocab, Unk: unk},
	})
}

func side(s string) string {
	if s == "pre" {
		return "Left"
	}
	return "Right"
}

// pattern is the regular expression of what separates words, or of a
// character, in the syntax of Oniguruma.
func (s *splitter) pattern() string {
	if s.chars {
		return `(?m:.)`
	}
	var class strings.Builder
	for _, r := range s.separators {
		if strings.ContainsRune(`\[]^-&`, r) {
			class.WriteByte('\\')
		}
		class.WriteRune(r)
	}
	return "[" + class.String() + "]+"
}

// components spells the steps; what the library has no name for is written as
// a replacement.
func (c *Text) components() []component {
	replace := func(pattern, content string) component {
		return component{"type": "Replace", "pattern": component{"Regex": pattern}, "content": content}
	}
	lower := component{"type": "Lowercase"}
	strip := component{"type": "Strip", "strip_left": true, "strip_right": true}
	out := []component{}
	for _, s := range c.Normalize {
		switch s {
		case "nfc", "nfkc":
			out = append(out, component{"type": strings.ToUpper(s)})
		case "lowercase":
			out = append(out, lower)
		case "collapse_space":
			out = append(out, replace(`\s+`, " "), strip)
		case "strip":
			out = append(out, strip)
		case "strip_control":
			out = append(out, replace(`[\x{0}-\x{8}\x{b}\x{c}\x{e}-\x{1f}\x{7f}-\x{9f}]`, ""))
		}
	}
	if c.Lower {
		out = append(out, lower)
	}
	return out
}

// freeName is a name for what has no id, one that is no word itself.
func (v *Vectorizer) freeName() string {
	name := "[UNK]"
	for {
		if _, taken := v.index[name]; !taken {
			return name
		}
		name = "[" + name + "]"
	}
}

func loadVectorizer(fsys fs.FS, config json.RawMessage) (Transform, error) {
	var c Text
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if c.MaxLen < 1 || c.MaxLen > MaxLength {
		return nil, fmt.Errorf("%s: maxlen must be from 1 to %d, is %d", manifestName, MaxLength, c.MaxLen)
	}
	b, err := fs.ReadFile(fsys, tokenizerName)
	if err != nil {
		return nil, err
	}
	var t tokenizerFile
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", tokenizerName, err)
	}
	words := t.Model.Vocab
	if c.OOV == "" && len(words) > 0 && words[len(words)-1] == t.Model.Unk {
		words = words[:len(words)-1]
	}
	if len(words) == 0 || words[0] != "" {
		return nil, fmt.Errorf("%s: id 0 must be the empty word, which stands for padding", tokenizerName)
	}
	return newVectorizer(c, words[1:])
}
