package monitor

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/stages/sound"
)

// words knows the words of a list, as a Vectorizer does.
type words map[string]bool

func (w words) CountTokens(text string) (tokens, unknown int) {
	for _, f := range strings.Fields(text) {
		tokens++
		if !w[f] {
			unknown++
		}
	}
	return tokens, unknown
}

var (
	vocabulary = words{"a": true, "b": true, "c": true}
	schema     = arrow.NewSchema([]arrow.Field{
		{Name: "age", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "plan", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "label", Type: arrow.BinaryTypes.String},
	}, nil)
	start = time.Unix(1_000_000_000, 0)
)

// made is a profile of 1,000 rows: age is uniform from 0 to 100, plan is basic or,
// for one in four, premium, and the answers are half and half.
func made(t testing.TB) *Profile {
	t.Helper()
	rec := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer rec.Release()
	for i := range 1000 {
		rec.Field(0).(*array.Float64Builder).Append(float64(i%100) + 0.5)
		rec.Field(1).(*array.StringBuilder).Append([]string{"basic", "basic", "basic", "premium"}[i%4])
		rec.Field(2).(*array.StringBuilder).Append("x")
	}
	batch := rec.NewRecordBatch()
	defer batch.Release()
	b, err := NewBuilder(schema, []string{"age", "plan"}, nil, "train")
	if err != nil {
		t.Fatal(err)
	}
	b.AddRows(batch)
	b.AddJudged(batch, func(i int) Said { return answerOf(i) })
	return b.Profile()
}

func answerOf(i int) Said {
	return Said{Label: []string{"yes", "no"}[i%2], Probability: 0.5 + float64(i%50)/100}
}

func TestProfileSurvivesItsFileToTheByte(t *testing.T) {
	p := made(t)
	a, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(fstest.MapFS{FileName: {Data: a}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := again.Encode()
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%v\n%s\n%s", err, a, b)
	}
	c, err := made(t).Encode()
	if err != nil || !bytes.Equal(a, c) {
		t.Errorf("an equal training gives another profile: %v\n%s\n%s", err, a, c)
	}
	if none, err := Load(fstest.MapFS{}); none != nil || err != nil {
		t.Errorf("%v %v", none, err)
	}
}

func TestLoadRefusesWhatCannotBeCountedWith(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                               "profile.json",
		`{"version":2}`:                   "version is 2",
		`{"version":1,"features":[null]}`: "null",
		`{"version":1,"features":[{"name":"x","kind":"lines"}]}`:                                                                                             "lines",
		`{"version":1,"features":[{"name":"x","kind":"numbers","edges":[1],"counts":[1]}]}`:                                                                  "1 counts for 2 bins",
		`{"version":1,"features":[{"name":"x","kind":"numbers","edges":[2,1],"counts":[1,1,1]}]}`:                                                            "do not rise",
		`{"version":1,"features":[{"name":"x","kind":"categories","values":["a"],"counts":[-1]}]}`:                                                           "negative",
		`{"version":1,"features":[{"name":"x","kind":"numbers","edges":[` + strings.Repeat("1,", 99) + `1],"counts":[` + strings.Repeat("0,", 100) + `0]}]}`: "more than are counted",
	} {
		if _, err := Load(fstest.MapFS{FileName: {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzProfile(f *testing.F) {
	b, err := made(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, "x", 1.0)
	f.Add([]byte(`{"version":1,"features":[{"name":"x","role":"input","column":"x","of":"value","kind":"numbers","counts":[0]}]}`), "x", -1.0)
	f.Fuzz(func(t *testing.T, b []byte, s string, v float64) {
		p, err := Load(fstest.MapFS{FileName: {Data: b}})
		if err != nil {
			return
		}
		w := NewWindow(p, vocabulary, time.Minute, Limits{PSI: 0.2, Change: 0.1, MinRows: 1})
		for _, x := range []any{s, v, int64(v), nil, []byte(s), true} {
			row := map[string]any{}
			for _, f := range p.Features {
				row[f.Column] = x
			}
			w.Observe(start, row, Said{Label: s, Probability: v})
			w.Observe(start, row, Said{Number: v, IsNumber: true})
		}
		w.Status(start, true)
	})
}

var limits = Limits{PSI: 0.2, Change: 0.1, MinRows: 200}

// status sends rows through a window and asks for its status.
func status(t *testing.T, n int, row func(i int) map[string]any, says func(i int) Said) *Status {
	t.Helper()
	w := NewWindow(made(t), nil, time.Hour, limits)
	for i := range n {
		w.Observe(start, row(i), says(i))
	}
	return w.Status(start, true)
}

func alike(i int) map[string]any {
	return map[string]any{"age": float64(i*37%100) + 0.5, "plan": []string{"basic", "basic", "premium", "basic"}[i%4]}
}

func why(s *Status) string { return s.Why(10) }

func TestTrafficLikeTheTrainingDoesNotDrift(t *testing.T) {
	if s := status(t, 500, alike, answerOf); s.Drifted != 0 || !s.Enough || s.Rows != 500 || s.PSIMax > 0.05 {
		t.Errorf("%s %+v", why(s), s)
	}
}

func TestDrift(t *testing.T) {
	shifted := func(row func(map[string]any, int)) func(int) map[string]any {
		return func(i int) map[string]any { r := alike(i); row(r, i); return r }
	}
	for name, c := range map[string]struct {
		row  func(int) map[string]any
		says func(int) Said
		want string // the beginnings of what is said, in order
	}{
		"older people":        {shifted(func(r map[string]any, i int) { r["age"] = 60 + float64(i%40) }), answerOf, "age: PSI is"},
		"beyond the training": {shifted(func(r map[string]any, i int) { r["age"] = 1000.0 }), answerOf, "age: PSI is"},
		"ages are left out":   {shifted(func(r map[string]any, i int) { r["age"] = []any{nil, 50.5}[i%2] }), answerOf, "age: 50 % missing, in training 0 %"},
		"a new plan":          {shifted(func(r map[string]any, i int) { r["plan"] = []string{"basic", "family"}[i%2] }), answerOf, "plan: PSI is"},
		"always yes":          {alike, func(i int) Said { a := answerOf(i); a.Label = "yes"; return a }, "prediction: PSI is"},
		"unsure":              {alike, func(i int) Said { a := answerOf(i); a.Probability = 0.51; return a }, "probability: PSI is"},
	} {
		t.Run(name, func(t *testing.T) {
			if s := status(t, 400, c.row, c.says); s.Drifted != 1 || !strings.HasPrefix(why(s), c.want) {
				t.Errorf("%d: %s", s.Drifted, why(s))
			}
			if s := status(t, 199, c.row, c.says); s.Drifted != 0 || s.Enough || s.Beyond(0.1) != nil {
				t.Errorf("of 199 rows: %s", why(s))
			}
		})
	}
}

func TestNewValuesAreNamed(t *testing.T) {
	s := status(t, 400, func(i int) map[string]any {
		return map[string]any{"age": 1.5, "plan": []string{"family", "family", "student", "basic"}[i%4]}
	}, answerOf)
	var plan *FeatureStatus
	for _, f := range s.Features {
		if f.Name == "plan" {
			plan = f
		}
	}
	if fmt.Sprint(plan.New) != "[family student]" || plan.NewShare != 0.75 || plan.Bins[len(plan.Bins)-1].Name != "(new)" {
		t.Errorf("%+v", plan)
	}
	if got := plan.Why; len(got) != 2 || got[1] != "75 % of the values are new, in training 0 %" {
		t.Error(got)
	}
}

// A window forgets what is older than it, keeps a history, and its memory does not
// grow.
func TestWindowSlides(t *testing.T) {
	w := NewWindow(made(t), nil, 12*time.Minute, limits)
	for minute := range 400 {
		for i := range 30 {
			row := alike(i*7 + minute)
			if minute >= 300 && minute < 350 {
				row["age"] = 99.0
			}
			w.Observe(start.Add(time.Duration(minute)*time.Minute), row, answerOf(i*7+minute))
		}
	}
	s := w.Status(start.Add(399*time.Minute), true)
	if s.Rows != 12*30 || s.Drifted != 0 {
		t.Errorf("%d rows, %s", s.Rows, why(s))
	}
	h := s.History
	if len(h.Times) != historyPoints || len(h.Rows) != historyPoints || len(s.Features[0].History) != historyPoints {
		t.Fatalf("%d points", len(h.Times))
	}
	drifted := 0
	for i, n := range h.Drifted {
		if drifted += int(n); i > 0 && h.Times[i]-h.Times[i-1] != 60 || h.Rows[i] != 30 {
			t.Fatalf("point %d: %d seconds, %d rows", i, h.Times[i]-h.Times[i-1], h.Rows[i])
		}
	}
	if drifted < 50 || drifted > 62 {
		t.Errorf("%d points have drifted, and the traffic did so for 50", drifted)
	}
	if later := w.Status(start.Add(1000*time.Hour), true); later.Rows != 0 || later.Drifted != 0 {
		t.Errorf("after a long pause there are %d rows", later.Rows)
	}
}

// Data that have not moved raise hardly an alarm, however few rows are judged.
func TestChanceRaisesNoAlarm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	for range 200 {
		w := NewWindow(made(t), nil, time.Hour, Limits{PSI: 0.1, Change: 0.05, MinRows: 30})
		for range 60 {
			w.Observe(start, alike(rng.IntN(1000)), answerOf(rng.IntN(1000)))
		}
		if w.Status(start, false).Drifted > 0 {
			alarms++
		}
	}
	if alarms > 4 {
		t.Errorf("%d alarms in 200 windows", alarms)
	}
}

func TestTextsAndFilesAreMeasured(t *testing.T) {
	s := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "file", Type: arrow.BinaryTypes.Binary}}, nil)
	rec := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer rec.Release()
	wav := func(loud float32) []byte {
		samples := make([]float32, 800)
		for i := range samples {
			samples[i] = loud * float32(i%2*2-1)
		}
		return sound.EncodeWAV(sound.Clip{Samples: samples, Rate: 8000})
	}
	for i := range 300 {
		rec.Field(0).(*array.StringBuilder).Append(strings.Repeat("a b x ", 1+i%5))
		rec.Field(1).(*array.BinaryBuilder).Append(wav(0.5 + float32(i%10)/100))
	}
	batch := rec.NewRecordBatch()
	defer batch.Release()
	b, err := NewBuilder(s, []string{"text", "file"}, vocabulary, "validation")
	if err != nil {
		t.Fatal(err)
	}
	b.AddRows(batch)
	b.AddJudged(batch, func(int) Said { return Said{Number: 1, IsNumber: true} })
	p := b.Profile()
	var names []string
	for _, f := range p.Features {
		names = append(names, f.Name)
		if f.Kind == Rate && f.UnknownRate() != 1.0/3 {
			t.Errorf("of 3 words 1 is unknown, the rate is %v", f.UnknownRate())
		}
	}
	if got := strings.Join(names, " "); got != "text_length text_tokens text_unknown file_bytes file_seconds file_loudness prediction" {
		t.Error(got)
	}
	w := NewWindow(p, vocabulary, time.Hour, limits)
	for i := range 300 {
		w.Observe(start, map[string]any{"text": strings.Repeat("x y b ", 1+i%5), "file": wav(0.05)}, Said{Number: 1, IsNumber: true})
	}
	got := w.Status(start, false)
	if why := why(got); got.Drifted != 2 || !strings.HasPrefix(why, "text_unknown: 66.7 % of the tokens are unknown, in training 33.3 %; file_loudness: PSI is") {
		t.Errorf("%d: %s", got.Drifted, why)
	}
}

// What a row costs, for the goroutine that counts.
func BenchmarkObserve(b *testing.B) {
	w := NewWindow(made(b), nil, time.Hour, limits)
	row, says := alike(3), answerOf(3)
	b.ReportAllocs()
	for b.Loop() {
		w.Observe(start, row, says)
	}
}
