package score

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// testdata/record_sacrebleu.py wrote what sacrebleu says.
func TestBLEUEqualsSacrebleu(t *testing.T) {
	b, err := os.ReadFile("testdata/sacrebleu.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded struct {
		Cases []struct {
			Translations []string
			References   [][]string
			BLEU         float64
		}
	}
	if err := json.Unmarshal(b, &recorded); err != nil || len(recorded.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(recorded.Cases), err)
	}
	for i, c := range recorded.Cases {
		if got := BLEU(c.Translations, c.References); math.Abs(got-c.BLEU) > 1e-9 {
			t.Errorf("case %d, %d texts: %v, want %v", i, len(c.Translations), got, c.BLEU)
		}
	}
}
