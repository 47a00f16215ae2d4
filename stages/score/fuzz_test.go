package score

import (
	"testing"
)

func FuzzParse(f *testing.F) {
	c, err := NewClassifier([]string{"a", "b"}, "")
	if err != nil {
		f.Fatal(err)
	}
	c.Add(0, 1, []float32{0.4, 0.6})
	b, err := c.Result().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version": 1, "metrics": {"loss": "NaN", "x": "Infinity"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			return
		}
		once, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("what was encoded is not read: %v", err)
		}
		if twice, err := again.Encode(); err != nil || string(twice) != string(once) {
			t.Fatalf("%s\nbecomes\n%s, %v", once, twice, err)
		}
	})
}
