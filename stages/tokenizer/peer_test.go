package tokenizer

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "record what Hugging Face's library gives")

// peerAnswer is what testdata/peer.py gives for one tokenizer.
type peerAnswer struct {
	File    string
	Plain   [][]int32
	Full    [][]int32
	Decoded []string
}

// learnt are texts that the tokenizers of these tests are trained on.
var learnt = []string{
	"The quick brown fox jumps over the lazy dog. The dog sleeps; the fox doesn't.\n",
	"Package tar implements access to tar archives. Tape archives (tar) are a file format for storing a sequence of files.",
	"A reader reads, a writer writes: 1 2 3 12 345 6789, and 2026 is one year after 2025. It's what we've got, they're fine.",
	"Straße, naïve, café – 中文字 und ein paar Wörter; ещё слова. func main() {\n\tfmt.Println(\"hello\")\n}\n\n",
	"aaaa aaa aa a banana bananas ananas",
}

// asked are texts that they are asked about; some hold what none has learnt.
var asked = append(slices.Clone(learnt), "", " ", "   ", "\n\n  x", "a  b   c\t\td \n e", "THE QUICK", "it'S I'LL we'Re '' 's ' s 'tis",
	"naïve e\u0301 İstanbul ΑΣ ﬁne ½ x² Ⅷ ١٢٣", "日本語テキスト 中国 と かな", "🙂 emoji 👩‍👩‍👧 zero\u200bwidth \u00a0nbsp\u2003em", "a\u0000b\u0007c\ufffd", strings.Repeat("a", 120),
	"<|endoftext|>x<s>y</s>[SEP] one stone one", "don't won't can't, you . me ? us !", "12345678 3.14 1,000", "x\r\n\r\ny  \r\n", "tail space ", "हिन्दी क्षेत्र கொடி a\u20ddb \u0489", "a\u061db\u1734 c\u166dd \u08d4e \u0890f \u2e52g\u1885", "\ttab", "a\u2028b\u0085c", "quick")

// askPeer runs the library, or gives what it once gave.
func askPeer(t *testing.T, request map[string]any, golden string) []peerAnswer {
	t.Helper()
	var answer []peerAnswer
	name := os.Getenv("PIPE_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c", "import tokenizers").CombinedOutput(); err != nil {
		if golden == "" {
			t.Skipf("skipped: %s cannot import tokenizers (set PIPE_PYTHON to one that can): %v %s", name, err, bytes.TrimSpace(out))
		}
		b, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	input, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "testdata/peer.py")
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	if *update && golden != "" {
		if err := os.WriteFile(golden, append(out, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// compare wants the library's ids and texts.
func compare(t *testing.T, want peerAnswer, texts []string) {
	t.Helper()
	tok, err := Parse([]byte(want.File))
	if err != nil {
		t.Error(err)
		return
	}
	for i, text := range texts {
		if got := tok.Encode(nil, text); !slices.Equal(got, want.Plain[i]) {
			t.Errorf("%s, %q: %v, the library: %v", tok.Describe(), text, got, want.Plain[i])
		}
		if got := tok.EncodeFull(nil, text, 0); !slices.Equal(got, want.Full[i]) {
			t.Errorf("%s, %q with special tokens: %v, the library: %v", tok.Describe(), text, got, want.Full[i])
		}
		if got := tok.Decode(want.Plain[i]); got != want.Decoded[i] {
			t.Errorf("%s, %v: %q, the library: %q", tok.Describe(), want.Plain[i], got, want.Decoded[i])
		}
	}
}

func TestEqualToHuggingFace(t *testing.T) {
	answers := askPeer(t, map[string]any{"learn": learnt, "texts": asked}, "testdata/peer.json")
	if len(answers) < 6 {
		t.Fatalf("%d tokenizers", len(answers))
	}
	for _, a := range answers {
		compare(t, a, asked)
	}
}

// The first tokenizer of the peer is trained as ours are, but for tokens that are
// added afterwards.
func TestTrainingFindsTheMergesOfHuggingFace(t *testing.T) {
	want := askPeer(t, map[string]any{"learn": learnt, "texts": asked}, "testdata/peer.json")[0]
	tr := NewTrainer()
	for _, text := range learnt {
		tr.Add(text)
	}
	got, err := tr.Train(340, 2)
	if err != nil {
		t.Fatal(err)
	}
	type model struct {
		Model struct {
			Vocab  map[string]int32
			Merges [][2]string
		}
	}
	var ours, theirs model
	if err := json.Unmarshal(got.JSON(), &ours); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want.File), &theirs); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ours.Model.Merges, theirs.Model.Merges) {
		t.Errorf("merges\n %q\nthe library:\n %q", ours.Model.Merges, theirs.Model.Merges)
	}
	for token, id := range theirs.Model.Vocab {
		if ours.Model.Vocab[token] != id {
			t.Errorf("%q has the id %d, the library: %d", token, ours.Model.Vocab[token], id)
		}
	}
}

// PIPE_TOKENIZERS lists published tokenizer.json files, with colons between them.
func TestPublishedFiles(t *testing.T) {
	files := os.Getenv("PIPE_TOKENIZERS")
	if files == "" {
		t.Skip("skipped: PIPE_TOKENIZERS names no tokenizer.json")
	}
	for _, a := range askPeer(t, map[string]any{"learn": learnt, "texts": asked, "files": strings.Split(files, ":")}, "") {
		compare(t, a, asked)
	}
}
