package report

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pipe/stages/score"
)

var keep = flag.String("keep", "", "folder in which the pages are kept, to be looked at")

// evaluation makes up predictions over classes of different difficulty.
func evaluation(t *testing.T, classes []string, rows int) *score.Result {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	c, err := score.NewClassifier(classes, "")
	if err != nil {
		t.Fatal(err)
	}
	p := make([]float32, len(classes))
	for range rows {
		truth := rng.IntN(len(classes))
		said := truth
		if rng.Float64() < 0.05+0.4*float64(truth)/float64(len(classes)) {
			said = (truth + 1 + rng.IntN(3)) % len(classes)
		}
		for k := range p {
			p[k] = rng.Float32() * 0.1
		}
		p[said] = 0.9
		c.Add(truth, said, p)
	}
	return c.Result()
}

func history(epochs int) *History {
	h := &History{Best: epochs - 2}
	for e := range epochs {
		x := float64(e)
		h.Loss = append(h.Loss, 2*math.Exp(-x/3)+0.1)
		h.ValidationLoss = append(h.ValidationLoss, 2*math.Exp(-x/3)+0.45+0.02*x)
		h.Accuracy = append(h.Accuracy, 1-0.7*math.Exp(-x/2))
		h.ValidationAccuracy = append(h.ValidationAccuracy, 0.82-0.5*math.Exp(-x/2))
	}
	return h
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("compress/class_%02d", i)
	}
	return out
}

func pages(t *testing.T) map[string]*Page {
	p := map[string]*Page{}
	for _, n := range []int{2, 9, 77} {
		p[fmt.Sprintf("classes%d", n)] = &Page{
			Title: "label from text", Subtitle: "1 031 rows of test data",
			Result: evaluation(t, names(n), 1031), History: history(10),
			Layers: []Layer{{"embedding", "(?, 40, 128)", 1280000}, {"lstm", "(?, 128)", 131584}, {"dense", "(?, 9)", 1161}},
			Mistakes: []Mistake{
				{17, "Reads the next header of the archive, or says that there is none.", "archive/tar", "compress/gzip", 0.987},
				{230, strings.Repeat("a long text of many words ", 40), "net/http", "net/url", 0.961},
			},
			Facts: []Fact{{"Model", "3f2a9c51b0aa"}, {"Loss", "categorical_crossentropy"}, {"Optimizer", "adam, learning rate 0.001"}},
		}
	}
	var g score.Regressor
	rng := rand.New(rand.NewPCG(1, 2))
	reg := &Page{Title: "price from description", Subtitle: "300 rows", History: &History{Loss: []float64{3, 1, math.NaN(), 0.5}}}
	for range 300 {
		v := rng.Float64() * 100
		w := v + rng.NormFloat64()*8
		g.Add(v, w)
		reg.Points = append(reg.Points, Point{v, w})
	}
	reg.Result = g.Result()
	reg.Mistakes = []Mistake{{3, "a chair", "12", "58.1", -1}}
	p["regression"] = reg
	return p
}

func render(t *testing.T, p *Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPagesAreSelfContainedAndSmall(t *testing.T) {
	outside := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|url\(|@import|https?://`)
	for name, p := range pages(t) {
		html := render(t, p)
		if *keep != "" {
			if err := os.WriteFile(filepath.Join(*keep, name+".html"), []byte(html), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if m := outside.FindString(html); m != "" {
			t.Errorf("%s: the page has %q", name, m)
		}
		if len(html) > 1<<20 {
			t.Errorf("%s: %d bytes", name, len(html))
		}
		if strings.Contains(html, "ZgotmplZ") || strings.Contains(html, "NaN") {
			t.Errorf("%s: the page has a value that could not be shown", name)
		}
		if again := render(t, p); again != html {
			t.Errorf("%s: a second time other bytes", name)
		}
	}
}

func TestHostileTextStaysText(t *testing.T) {
	evil := `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	c, err := score.NewClassifier([]string{evil, "b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	c.Add(0, 1, []float32{0.2, 0.8})
	c.AddUnknown(evil+"?", 0, []float32{0.6, 0.4})
	html := render(t, &Page{
		Title: evil, Subtitle: evil, Result: c.Result(), Layers: []Layer{{evil, evil, 1}}, Facts: []Fact{{evil, evil}},
		Mistakes: []Mistake{{1, evil, evil, evil, 0.8}},
	})
	for _, bad := range []string{"<script", "<img", "</title></style>", `"'>`} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if !strings.Contains(html, "&lt;script&gt;") {
		t.Error("the text is not there at all")
	}
}

func TestOddEvaluations(t *testing.T) {
	empty, err := score.NewClassifier([]string{"a", "b"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*Page{
		"no rows":      {Result: empty.Result()},
		"no curves":    {Result: empty.Result(), History: &History{}},
		"one epoch":    {Result: empty.Result(), History: &History{Loss: []float64{1}}},
		"all diverged": {Result: empty.Result(), History: &History{Loss: []float64{math.Inf(1), math.NaN()}}},
		"flat":         {Result: empty.Result(), History: &History{Loss: []float64{0, 0}}},
		"regression":   {Result: new(score.Regressor).Result()},
		"one point":    {Result: new(score.Regressor).Result(), Points: []Point{{1, math.Inf(1)}}},
	} {
		if html := render(t, p); strings.Contains(html, "NaN") || strings.Contains(html, "Inf") {
			t.Errorf("%s: the page has a coordinate that is no number", name)
		}
	}
}

func TestNiceTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 1, "[0 0.2 0.4 0.6 0.8 1]"},
		{0.31, 0.97, "[0.2 0.4 0.6 0.8 1]"},
		{-3, 12, "[-5 0 5 10 15]"},
		{5, 5, "[4.4 4.6 4.8 5 5.2 5.4 5.6]"},
		{1e-9, 3e-9, "[1e-09 1.5e-09 2e-09 2.5e-09 3e-09]"},
	} {
		if got := fmt.Sprint(niceTicks(c.low, c.high, 5)); got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.low, c.high, got, c.want)
		}
	}
}

func TestWilson(t *testing.T) {
	low, high := wilson(0.8, 100)
	if math.Abs(low-0.7111708) > 1e-6 || math.Abs(high-0.8666331) > 1e-6 {
		t.Errorf("80 of 100: %v to %v", low, high)
	}
}
