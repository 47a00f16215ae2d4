package transform

// Language is a transform that also takes text as one long stream of ids, and
// gives ids back as text: what a language model reads and writes.
type Language interface {
	Transform
	// EncodeText appends the ids of a text, as many as it has.
	EncodeText(dst []int32, text string) []int32
	// DecodeIDs gives the text of ids.
	DecodeIDs(ids []int32) string
	// Token gives what an id stands for, as it is stored.
	Token(id int32) string
	// Begin gives the ids that stand before a text; the caller may append to them.
	Begin() []int32
	// Ends are the ids that end a text, the usual one first; a list of words has
	// none.
	Ends() []int32
}

// EncodeText implements Language.
func (v *Vectorizer) EncodeText(dst []int32, text string) []int32 {
	v.split.tokens(text, func(token []byte) bool {
		if id := v.id(token); id != 0 {
			dst = append(dst, id)
		}
		return true
	})
	return dst
}

// DecodeIDs implements Language: words are joined by spaces, characters by
// nothing.
func (v *Vectorizer) DecodeIDs(ids []int32) string {
	var text []byte
	for _, id := range ids {
		word := v.Token(id)
		if word == "" {
			continue
		}
		if len(text) > 0 && v.config.Level != "char" {
			text = append(text, ' ')
		}
		text = append(text, word...)
	}
	return string(text)
}

// Token implements Language.
func (v *Vectorizer) Token(id int32) string {
	if id < 0 || int(id) >= len(v.words) {
		return ""
	}
	return v.words[id]
}

// Begin implements Language.
func (v *Vectorizer) Begin() []int32 { return nil }

// Ends implements Language.
func (v *Vectorizer) Ends() []int32 { return nil }
