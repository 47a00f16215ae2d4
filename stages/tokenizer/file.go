package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// file is tokenizer.json, as far as ids depend on it. Truncation and padding are
// left to whoever uses the ids.
type file struct {
	Version       string       `json:"version"`
	Added         []addedToken `json:"added_tokens"`
	Normalizer    *component   `json:"normalizer"`
	PreTokenizer  *component   `json:"pre_tokenizer"`
	Model         component    `json:"model"`
	PostProcessor *component   `json:"post_processor"`
	Decoder       *component   `json:"decoder"`
}

// component is a part of the file: its type chooses what the other fields mean.
type component struct {
	Type   string
	fields map[string]json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *component) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &c.fields); err != nil {
		return err
	}
	return c.field("type", &c.Type)
}

// field reads a field into v, which keeps its value where the field is absent or
// null.
func (c *component) field(name string, v any) error {
	raw, ok := c.fields[name]
	if !ok || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s.%s: %w", c.Type, name, err)
	}
	return nil
}

// read reads several fields, given as name and pointer in turn.
func (c *component) read(pairs ...any) error {
	var errs []error
	for i := 0; i < len(pairs); i += 2 {
		errs = append(errs, c.field(pairs[i].(string), pairs[i+1]))
	}
	return errors.Join(errs...)
}

// list reads a field that holds components.
func (c *component) list(name string) ([]*component, error) {
	var out []*component
	err := c.field(name, &out)
	for _, one := range out {
		if one == nil {
			return nil, fmt.Errorf("%s.%s: null is no component", c.Type, name)
		}
	}
	return out, err
}

func unknown(family string, c *component) error {
	return fmt.Errorf("the %s %q is not known to this pipe", family, c.Type)
}

// Parse reads a tokenizer.json.
func Parse(b []byte) (*Tokenizer, error) {
	t, err := parse(b)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return t, nil
}

func parse(b []byte) (*Tokenizer, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	t := &Tokenizer{raw: b, ids: map[string]int32{}}
	var err error
	if t.normalize, err = newNormalizer(f.Normalizer); err != nil {
		return nil, err
	}
	if t.split, err = newPreTokenizer(f.PreTokenizer); err != nil {
		return nil, err
	}
	if t.model, err = t.newModel(&f.Model); err != nil {
		return nil, err
	}
	for _, a := range f.Added {
		if err := t.setToken(a.Content, a.ID); err != nil {
			return nil, err
		}
	}
	t.trim()
	for _, name := range endNames {
		if id, ok := t.ids[name]; ok {
			t.ends = append(t.ends, id)
		}
	}
	t.added = newAdded(f.Added, t.normalize)
	if t.post, err = t.newPost(f.PostProcessor); err != nil {
		return nil, err
	}
	if t.decode, err = newDecoder(f.Decoder); err != nil {
		return nil, err
	}
	return t, nil
}

// newModel reads the vocabulary, which belongs to the tokenizer.
func (t *Tokenizer) newModel(c *component) (wordModel, error) {
	if c.fields == nil {
		return nil, errors.New("it has no model")
	}
	vocab := map[string]int32{}
	if err := c.field("vocab", &vocab); err != nil {
		return nil, err
	}
	for token, id := range vocab {
		if err := t.setToken(token, id); err != nil {
			return nil, err
		}
	}
	kind := c.Type
	if kind == "" && c.fields["merges"] != nil {
		kind = "BPE" // files of before 2020 do not say
	}
	switch kind {
	case "BPE":
		return newBPE(c, vocab)
	case "WordPiece":
		return newWordPiece(c, vocab)
	case "WordLevel":
		return newWordLevel(c, vocab)
	}
	return nil, unknown("model", c)
}
