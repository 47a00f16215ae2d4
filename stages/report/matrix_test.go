package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

func intents(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%03d_", i) + "wrong_exchange_rate_for_cash_WITHDRAWAL"[:8+i%31]
	}
	return out
}

// Names are inside the drawing, none lies over another, and the drawing is never
// wider than a page.
func TestMatricesFit(t *testing.T) {
	for _, n := range []int{2, 5, 9, 20, 33, 60, 77, 120, 300, 1000} {
		m := newMatrix(evaluation(t, intents(n), 50))
		width, font := number(t, m.Width), number(t, m.Font)
		if width > matrixWide || number(t, m.Least) > width {
			t.Errorf("%d classes: %g pixels wide, at least %s", n, width, m.Least)
		}
		if m.Nameless != (n >= 120) || m.Nameless != (len(m.Rows) == 0) {
			t.Errorf("%d classes: %d names", n, len(m.Rows))
		}
		for i, h := range m.Rows {
			if left := number(t, h.X) - textWidth(h.Text, font); left < 0 {
				t.Errorf("%d classes: the name %q begins at %g", n, h.Text, left)
			}
			if i == 0 {
				continue
			}
			pitch := number(t, m.Columns[i].X) - number(t, m.Columns[i-1].X)
			if strings.HasPrefix(m.Columns[i].Rotate, "rotate(-48") {
				pitch *= math.Sin(48 * math.Pi / 180)
			}
			if pitch < font {
				t.Errorf("%d classes: names of %g pixels every %g", n, font, pitch)
			}
		}
		for _, h := range m.Columns {
			top := number(t, h.Y) - textWidth(h.Text, font)
			if strings.HasPrefix(h.Rotate, "rotate(-48") {
				top = number(t, h.Y) - textWidth(h.Text, font)*math.Sin(48*math.Pi/180)
			}
			if top < 0 {
				t.Errorf("%d classes: the name %q ends at %g", n, h.Text, top)
			}
		}
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNamesBreakBetweenWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"cash_withdrawal", "cash_<wbr>withdrawal"},
		{"net/http", "net/<wbr>http"},
		{"a<b>&c", "a&lt;b&gt;&amp;c"},
		{"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrst…"},
	} {
		if got := string(name(20, c.text)); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}
