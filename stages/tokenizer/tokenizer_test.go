package tokenizer

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func trained(t testing.TB) *Tokenizer {
	t.Helper()
	tr := NewTrainer()
	for _, text := range learnt {
		tr.Add(text)
	}
	tok, err := tr.Train(300, 2)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// Byte-level tokens give every text back, whatever bytes it has.
func FuzzRoundTrip(f *testing.F) {
	tok := trained(f)
	for _, text := range asked {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ids := tok.Encode(nil, text)
		for _, id := range ids {
			if id < 0 || int(id) >= tok.Size() {
				t.Fatalf("%q: id %d of %d", text, id, tok.Size())
			}
		}
		if strings.Contains(text, EndOfText) {
			return // a special token, which decoding leaves out
		}
		if got, want := tok.Decode(ids), strings.ToValidUTF8(text, "\uFFFD"); got != want {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// A file of somebody else's is refused or gives ids in range.
func FuzzParse(f *testing.F) {
	f.Add(trained(f).JSON(), "the dog")
	f.Add([]byte(`{"model":{"type":"WordPiece","vocab":{"[UNK]":0,"a":1,"##b":2}},"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece"}}`), "ab ac")
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\s+(?!\\S)|\\s+"},"behavior":"Isolated"}}`), "ab  ab")
	f.Fuzz(func(t *testing.T, file []byte, text string) {
		tok, err := Parse(file)
		if err != nil {
			return
		}
		ids := tok.EncodeFull(nil, text, 64)
		if len(ids) > 64 {
			t.Errorf("%d ids", len(ids))
		}
		for _, id := range ids {
			if id < 0 || int(id) >= tok.Size() {
				t.Errorf("id %d of %d", id, tok.Size())
			}
		}
		tok.Decode(ids)
	})
}

func TestTextThatIsTooLongKeepsItsSpecialTokens(t *testing.T) {
	tok, err := Parse([]byte(`{"model":{"type":"WordPiece","vocab":{"[UNK]":0,"a":1,"b":2,"[CLS]":3,"[SEP]":4}},"pre_tokenizer":{"type":"BertPreTokenizer"},
		"post_processor":{"type":"BertProcessing","cls":["[CLS]",3],"sep":["[SEP]",4]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tok.EncodeFull(nil, "a b a b a", 5), []int32{3, 1, 2, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestWhatIsNotKnownIsRefusedByName(t *testing.T) {
	for file, want := range map[string]string{
		`{"model":{"type":"Unigram","vocab":{}}}`:                                                                                                                      `the model "Unigram" is not known`,
		`{"model":{"type":"WordLevel","vocab":{"a":0}},"normalizer":{"type":"Precompiled"}}`:                                                                           `the normalizer "Precompiled" is not known`,
		`{"model":{"type":"WordLevel","vocab":{"a":0}},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?<!a)b"},"behavior":"Isolated"}}`:                          `the expression "(?<!a)b" cannot be used`,
		`{"model":{"type":"WordLevel","vocab":{"a":0,"b":0}}}`:                                                                                                         `have the same id 0`,
		`{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}}`:                                                                                              `merge 1: "a" and "b", or what they become, is not in the vocabulary`,
		`{"model":{"type":"WordLevel","vocab":{"a":0}},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]"}}],"special_tokens":{}}}`: `the special token "[CLS]" has no ids`,
		`{}`: `it has no model`,
	} {
		if _, err := Parse([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	tok := trained(b)
	text := strings.Repeat(strings.Join(learnt, "\n"), 50)
	if f := os.Getenv("PIPE_TEXT"); f != "" {
		data, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		text = string(data)
	}
	b.SetBytes(int64(len(text)))
	var ids []int32
	for b.Loop() {
		ids = tok.Encode(ids[:0], text)
	}
}
