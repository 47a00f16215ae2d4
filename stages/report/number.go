package report

import (
	"html/template"
	"math"
	"strconv"
	"strings"
)

// count writes a whole number with thousands apart.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // narrow no-break space: ISO 80000-1
	}
	return sign + s
}

// percent writes a share with one digit.
func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + "\u202f%" }

// short writes a number with the digits that matter.
func short(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return strconv.FormatFloat(x, 'g', -1, 64)
	case x != 0 && (math.Abs(x) < 1e-3 || math.Abs(x) >= 1e6):
		return strconv.FormatFloat(x, 'e', 2, 64)
	case math.Abs(x) >= 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// px writes a coordinate.
func px(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}

// clip shortens a text to n characters.
func clip(n int, s string) string {
	runes := 0
	for i := range s {
		if runes == n {
			return strings.TrimRight(s[:i], " \n\t") + "…"
		}
		runes++
	}
	return s
}

// name shows a text of at most n characters that lines may break after what
// joins its words, and not inside of one: wrong_|exchange_|rate.
func name(n int, s string) template.HTML {
	var b strings.Builder
	for _, r := range clip(n, s) {
		b.WriteString(template.HTMLEscapeString(string(r)))
		if strings.ContainsRune("_/.-:,", r) {
			b.WriteString("<wbr>")
		}
	}
	return template.HTML(b.String())
}
