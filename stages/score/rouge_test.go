package score

import (
	"bufio"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type rougeCase struct {
	Summary    string     `json:"summary"`
	References []string   `json:"references"`
	Plain      [3]float64 `json:"plain"`
	Stemmed    [3]float64 `json:"stemmed"`
}

func (c *rougeCase) check(t *testing.T, i int) {
	t.Helper()
	for _, stem := range []bool{false, true} {
		want := c.Plain
		if stem {
			want = c.Stemmed
		}
		var references []RougeText
		for _, r := range c.References {
			references = append(references, NewRougeText(r, RougeWords{Stem: stem}))
		}
		got := NewRougeText(c.Summary, RougeWords{Stem: stem}).Rouge(references...)
		for k := range got {
			if math.Abs(got[k]-want[k]) > 1e-12 {
				t.Errorf("case %d, %s, stem %v: %v, want %v\n%q\n%q", i, RougeNames[k], stem, got[k], want[k], c.Summary, c.References)
			}
		}
	}
}

// testdata/record_rouge.py wrote what rouge-score and NLTK say.
func TestRougeEqualsRougeScore(t *testing.T) {
	b, err := os.ReadFile("testdata/rouge.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Cases []rougeCase
		Stems map[string]string
	}
	if err := json.Unmarshal(b, &recorded); err != nil || len(recorded.Cases) < 100 || len(recorded.Stems) < 1000 {
		t.Fatalf("%d cases, %d stems, %v", len(recorded.Cases), len(recorded.Stems), err)
	}
	for word, want := range recorded.Stems {
		if got := porterStem(word); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	for i, c := range recorded.Cases {
		c.check(t, i)
	}
}

// With a Python that has rouge-score, texts that nobody has looked at are compared.
func TestRougeDifferential(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" || exec.Command(python, "-c", "import rouge_score").Run() != nil {
		t.Skip("skipped: PIPE_PYTHON names no Python with rouge-score")
	}
	rng := rand.New(rand.NewPCG(11, 1))
	const letters = "aaeeiioouubcdfghlmnprstvwxyyz0 '-.É\n"
	runes := []rune(letters)
	text := func() string {
		var b strings.Builder
		for range rng.IntN(120) {
			if rng.IntN(8) == 0 {
				b.WriteString([]string{"ational ", "fulness ", "ing ", "ied ", "alli ", "ement ", "sses ", "ogi ", "the ", "network "}[rng.IntN(10)])
			}
			b.WriteRune(runes[rng.IntN(len(runes))])
		}
		return b.String()
	}
	var lines []byte
	var cases []rougeCase
	for range 400 {
		c := rougeCase{Summary: text()}
		for range 1 + rng.IntN(3) {
			c.References = append(c.References, text()+c.Summary[:len(c.Summary)/2])
		}
		for i, r := range c.References {
			c.References[i] = strings.ToValidUTF8(r, "")
		}
		line, _ := json.Marshal(map[string]any{"summary": c.Summary, "references": c.References})
		lines, cases = append(append(lines, line...), '\n'), append(cases, c)
	}
	path := filepath.Join(t.TempDir(), "cases.jsonl")
	if err := os.WriteFile(path, lines, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "testdata/record_rouge.py", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); n++ {
		if err := json.Unmarshal(s.Bytes(), &cases[n]); err != nil {
			t.Fatal(err)
		}
		cases[n].check(t, n)
	}
	if n != len(cases) {
		t.Fatalf("%d of %d cases came back", n, len(cases))
	}
}

func TestRougeOracle(t *testing.T) {
	sentences := []string{"It rains.", "The cat sat on the mat.", "Nothing else happened.", "A dog barked loudly at night."}
	reference := []RougeText{NewRougeText("the cat sat on the mat and a dog barked", RougeWords{})}
	if got := RougeOracle(sentences, reference, 3, RougeWords{}); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("%v", got)
	}
	if got := RougeOracle(sentences, reference, 1, RougeWords{}); !slices.Equal(got, []int{1}) {
		t.Errorf("%v", got)
	}
	if got := RougeOracle(nil, reference, 2, RougeWords{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestRougeWordsOfEveryScript(t *testing.T) {
	for text, want := range map[string]string{
		"Кошка сидит, а Собака!":   "кошка|сидит|а|собака",
		"Café — the cats' 3 naïve": "café|the|cat|3|naïve",
		"cafe\u0301s":              "cafe\u0301s",
		"東京タワーは333mです。":            "東|京|タ|ワ|ー|は|333m|で|す",
		"हिन्दी में":               "हिन्दी|में",
		"กินข้าว":                  "กิ|น|ข้|า|ว",
		"القطة تجلس":               "القطة|تجلس",
		"!!! …":                    "",
	} {
		if got := strings.Join(NewRougeText(text, RougeWords{Stem: true, Unicode: true}).words, "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if !NewRougeText("Кошка", RougeWords{}).Empty() {
		t.Error("a word of Cyrillic letters counts by default, and for rouge-score it does not")
	}
}
