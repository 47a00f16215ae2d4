package dag

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// wide is a pipeline of n stages in chains of ten, with an expression in each.
func wide(n int) string {
	var b strings.Builder
	b.WriteString("pipeline: wide\nparams: { word: x, n: 2 }\nstages:\n")
	for i := range n {
		if i%10 == 0 {
			fmt.Fprintf(&b, "  s%d: { uses: draw }\n", i)
			continue
		}
		fmt.Fprintf(&b, "  s%d:\n    uses: join\n    in: s%d\n    with: { suffix: \"${params.word}-%d\", times: \"${params.n}\", when: size > 3 }\n", i, i-1, i%50)
	}
	return b.String()
}

// BenchmarkLoad checks a pipeline of 1,000 stages; the budget is 100 ms.
func BenchmarkLoad(b *testing.B) {
	src := wide(1000)
	for b.Loop() {
		mustLoad(b, src, nil)
	}
}

// TestLoadIsLinear allows four times the time that ten times the stages should
// take, as other work on the machine is in it: what is quadratic takes a
// hundred times as long.
func TestLoadIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it takes seconds")
	}
	fastest := func(n int) time.Duration {
		src, best := wide(n), time.Hour
		for range 6 {
			began := time.Now()
			mustLoad(t, src, nil)
			best = min(best, time.Since(began))
		}
		return best
	}
	small, large := fastest(300), fastest(3000)
	t.Logf("300 stages: %v, 3000 stages: %v", small, large)
	if large > 40*small {
		t.Errorf("300 stages take %v and 3000 take %v, more than 40 times as long", small, large)
	}
}
