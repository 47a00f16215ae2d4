package transform

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// kerasGolden is what testdata/record_keras.py records.
type kerasGolden struct {
	Fit   []string
	Apply []string
	Cases []struct {
		Config struct {
			NumWords   int     `json:"num_words"`
			MaxLen     int     `json:"maxlen"`
			OOV        string  `json:"oov_token"`
			Padding    string  `json:"padding"`
			Truncating string  `json:"truncating"`
			Filters    *string `json:"filters"`
			Lower      *bool   `json:"lower"`
			Level      string  `json:"level"`
		}
		MaxLen int
		Words  []string
		IDs    [][]int32
	}
}

func readKeras(t testing.TB) *kerasGolden {
	t.Helper()
	b, err := os.ReadFile("testdata/keras.json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(kerasGolden)
	if err := json.Unmarshal(b, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// config gives case i as a configuration, with the defaults of the language.
func (g *kerasGolden) config(i int) Text {
	k := g.Cases[i].Config
	c := Text{Column: "text", NumWords: k.NumWords, MaxLen: k.MaxLen, OOV: k.OOV, Padding: "pre", Truncating: "pre", Filters: k.Filters, Lower: true, Level: "word", MinCount: 1, Nulls: "error"}
	if k.Padding != "" {
		c.Padding = k.Padding
	}
	if k.Truncating != "" {
		c.Truncating = k.Truncating
	}
	if k.Lower != nil {
		c.Lower = *k.Lower
	}
	if k.Level != "" {
		c.Level = k.Level
	}
	return c
}

// fitted fits case i.
func (g *kerasGolden) fitted(t testing.TB, i int) *Vectorizer {
	t.Helper()
	v := fit(t, g.config(i), g.Fit...)
	if v.config.MaxLen == 0 {
		longest := 0
		for _, text := range g.Fit {
			longest = max(longest, v.Length(text))
		}
		v = v.WithLength(longest)
	}
	return v
}

func fit(t testing.TB, c Text, texts ...string) *Vectorizer {
	t.Helper()
	f, err := NewFit(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		f.AddText(text)
	}
	v, _, err := f.Vectorizer()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEqualToKeras(t *testing.T) {
	g := readKeras(t)
	if len(g.Cases) == 0 {
		t.Fatal("the golden has no cases")
	}
	for i, want := range g.Cases {
		v := g.fitted(t, i)
		if v.config.MaxLen != want.MaxLen {
			t.Errorf("case %d: maxlen is %d, Keras says %d", i, v.config.MaxLen, want.MaxLen)
			continue
		}
		if got := v.Words()[1:]; !slices.Equal(got, want.Words) {
			t.Errorf("case %d (%+v): words\n %q\nKeras:\n %q", i, want.Config, got, want.Words)
			continue
		}
		for j, text := range g.Apply {
			var in Input
			v.AppendText(&in, text)
			if !slices.Equal(in.IDs, want.IDs[j]) {
				t.Errorf("case %d (%+v), text %q: %v, Keras: %v", i, want.Config, text, in.IDs, want.IDs[j])
			}
		}
	}
}
