package text

import (
	"strings"
	"testing"
)

func parse(t testing.TB, src string) (*Node, *Problems) {
	t.Helper()
	ps := &Problems{}
	return Parse(&File{Name: "f.yaml", Data: []byte(src)}, ps), ps
}

type inner struct {
	Units int      `yaml:"units" doc:"units" min:"1" default:"8"`
	Names []string `yaml:"names" doc:"names"`
}

type config struct {
	Word   string             `yaml:"word" doc:"a word" enum:"red,green"`
	Ratio  float64            `yaml:"ratio" doc:"a ratio" above:"0" below:"1" default:"0.5"`
	On     bool               `yaml:"on" doc:"a switch" default:"true"`
	Maybe  *int               `yaml:"maybe" doc:"an optional number" max:"9"`
	Inner  inner              `yaml:"inner" doc:"more"`
	Shares map[string]float64 `yaml:"shares" doc:"shares"`
	Seed   uint64             `yaml:"seed" doc:"a seed"`
	Must   string             `yaml:"must" doc:"say it" required:"true"`
}

func TestDecode(t *testing.T) {
	n, ps := parse(t, "must: 12\nword: green\nmaybe: 3\ninner: { units: 1e2, names: one }\nshares: { a: 1, b: 0.25 }\nseed: 7\n")
	var c config
	(&Decoder{Problems: ps}).Decode(n, &c)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	if c.Must != "12" || c.Word != "green" || c.Ratio != 0.5 || !c.On || *c.Maybe != 3 || c.Inner.Units != 100 ||
		len(c.Inner.Names) != 1 || c.Inner.Names[0] != "one" || c.Shares["a"] != 1 || c.Shares["b"] != 0.25 || c.Seed != 7 {
		t.Errorf("decoded %+v", c)
	}
}

func TestDecodeReportsAllAtOnceWithPlaces(t *testing.T) {
	n, ps := parse(t, "word: gren\nratio: 1\non: perhaps\nmaybe: 10\ninner:\n  units: 0\n  unts: 3\nshares: [1]\nseed: -1\n")
	var c config
	(&Decoder{Problems: ps}).Known(n, &c, "with")
	want := `f.yaml:1:1: with.must is missing (say it)
f.yaml:1:7: with.word must be one of red, green, is "gren" (did you mean "green"?)
f.yaml:2:8: with.ratio must be below 1, is 1
f.yaml:3:5: with.on: expected true or false, found text "perhaps"
f.yaml:4:8: with.maybe must be at most 9, is 10
f.yaml:6:10: with.inner.units must be at least 1, is 0
f.yaml:7:3: unknown key "unts" in with.inner (did you mean "units"?)
f.yaml:8:9: with.shares: expected a map, found a list
f.yaml:9:7: with.seed: expected a whole number from 0, found a whole number "-1"`
	if got := ps.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNumbersInMessagesKeepTheirDigits(t *testing.T) {
	n, ps := parse(t, "must: x\nmaybe: 9990000000\nratio: 2.5e30\n")
	var c config
	(&Decoder{Problems: ps}).Decode(n, &c)
	want := `f.yaml:2:8: maybe must be at most 9, is 9990000000
f.yaml:3:8: ratio must be below 1, is 2.5e+30`
	if got := ps.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMisspeltRequiredKeyIsOneProblem(t *testing.T) {
	n, ps := parse(t, "mst: x\nratio: .inf\n")
	var c config
	(&Decoder{Problems: ps}).Decode(n, &c)
	want := `f.yaml:1:1: unknown key "mst" (did you mean "must"?)
f.yaml:2:8: ratio: .inf is no finite number`
	if got := ps.Err().Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestRenderPutsTheCaretBelowThePlace(t *testing.T) {
	_, ps := parse(t, "a: 1\nkéy: 2\nkéy: 3\n")
	want := "f.yaml:3:1: key \"kéy\" stands here a second time; the first is on line 2 [yaml-duplicate-key]\n    3 | kéy: 3\n      | ^~~\n"
	if got := ps.Sorted()[0].Render(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClosest(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"epohcs", "epochs"}, {"Epochs", "epochs"}, {"batchsize", "batch_size"}, {"x", ""}, {"zzzzzz", ""}, {"B", "b"}, {"bb", "b"},
	} {
		if got := Closest(c.in, []string{"units", "epochs", "batch_size", "b"}); got != c.want {
			t.Errorf("Closest(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	for name, src := range map[string]string{
		"billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
		"deep":           strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"own alias":      "a: &a [*a]\n",
		"invalid UTF-8":  "a: \xff\n",
		"two documents":  "a: 1\n---\nb: 2\n",
		"list as key":    "[a, b]: 1\n",
	} {
		if _, ps := parse(t, src); ps.Len() == 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAt(t *testing.T) {
	n, _ := parse(t, "layers:\n  - embedding: { dim: 3 }\n  - lstm: { units: 4 }\n")
	for path, line := range map[string]int{"layers[1].lstm.units": 3, "layers[0].embedding.nothing": 2, "layers[7]": 2, "": 1} {
		if got := n.At(path).Pos.Line; got != line {
			t.Errorf("At(%q) is on line %d, want %d", path, got, line)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a: [1, {b: c}]\n")
	f.Add("a: &x {b: 1}\nc: {<<: *x}\n")
	f.Fuzz(func(t *testing.T, src string) {
		n, ps := parse(t, src)
		if n == nil && ps.Len() == 0 {
			t.Fatal("refused without a problem")
		}
		if n != nil {
			var c config
			(&Decoder{Problems: ps}).Decode(n, &c)
		}
		for _, p := range ps.Sorted() {
			p.Render()
		}
	})
}

// TestNumbersAsText: floats without an exponent where that is reasonable, and each
// reads as the same number.
func TestNumbersAsText(t *testing.T) {
	for x, want := range map[float64]string{1e6: "1000000", 123456789.123456789: "123456789.12345679", 1e20: "100000000000000000000", 1e21: "1e+21", 0.0001: "0.0001", 1e-5: "1e-05", 0: "0", -2.5: "-2.5"} {
		if got := FormatScalar(x); got != want {
			t.Errorf("%g is written as %s, want %s", x, got, want)
		}
	}
	for raw, want := range map[string]bool{"9223372036854775807": false, "9223372036854775808": true, "-9223372036854775808": false, "-9_223_372_036_854_775_809": true, "00000000000000000000000001": false, "1e30": false, "99999999999999999999": true} {
		n, _ := parse(t, "a: "+raw+"\n")
		if got := n.Get("a").BeyondInt(); got != want {
			t.Errorf("%s: %v", raw, got)
		}
		if word := Word(raw, Pos{}); word.BeyondInt() || want && word.Value != raw {
			t.Errorf("the word %s is %v", raw, word.Value)
		}
	}
}

// TestHostileFilesAreOneProblem: what is missing of a file that is too large is
// not reported as wrong.
func TestHostileFilesAreOneProblem(t *testing.T) {
	n, ps := parse(t, "a: "+strings.Repeat("[", 200)+strings.Repeat("]", 200)+"\nb: 1\n")
	if n != nil || ps.Len() != 1 || !strings.Contains(ps.Sorted()[0].Text, "more than 100 levels") {
		t.Errorf("%v, %v", n, ps.Err())
	}
}

// TestWholeNumbers reads numbers as YAML 1.2 does.
func TestWholeNumbers(t *testing.T) {
	for raw, want := range map[string]any{"012": int64(12), "-012": int64(-12), "0o12": int64(10), "0x1F": int64(31), "1_000": int64(1000), "+5": int64(5), "0": int64(0), "08": float64(8)} {
		n, ps := parse(t, "a: "+raw+"\n")
		if got := n.Get("a").Value; ps.Err() != nil || got != want {
			t.Errorf("%s: %T %v", raw, got, got)
		}
	}
}
