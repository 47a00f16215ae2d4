package profile

import "strconv"

// card is what the page shows of a column: a histogram, or its values where
// there are few, and figures.
type card struct {
	Name, Type, Note string
	Chart            *chart
	Values           []value
	Facts            []fact
}

// value is a line of the most frequent ones.
type value struct{ Value, Count, Share, Width string }

type fact struct{ Name, Value string }

// fewValues is up to how many different numbers are listed one by one: quantiles
// and a histogram of zeros and ones tell less.
const fewValues = 10

func newCard(c *Column, rows int64) card {
	out := card{Name: c.Name, Type: c.Type, Note: note(c, rows)}
	few := c.DistinctExact && c.Distinct <= fewValues && len(c.Top) > 0
	if c.Numbers == nil || few {
		out.Values = values(c, rows)
	} else {
		out.Chart = newChart(c)
	}
	switch {
	case c.Numbers != nil:
		out.Facts = numberFacts(c, few)
	case c.Length != nil:
		out.Facts = []fact{
			{"shortest text", characters(c.Length.Min)},
			{"mean length", strconv.FormatFloat(c.Length.Mean, 'f', 1, 64)},
			{"longest text", characters(c.Length.Max)},
		}
	}
	return out
}

func note(c *Column, rows int64) string {
	s := whole(c.Distinct) + " different values"
	switch {
	case !c.DistinctExact:
		s = "about " + s
	case c.Distinct == 1:
		s = "1 value"
	case c.Distinct == rows && rows > 0:
		s = "every row another value"
	}
	switch c.Nulls {
	case 0:
		s += " · no nulls"
	case 1:
		s += " · 1 null (" + percent(1, rows) + ")"
	default:
		s += " · " + whole(c.Nulls) + " nulls (" + percent(c.Nulls, rows) + ")"
	}
	if c.NotFinite > 0 {
		s += " · " + whole(c.NotFinite) + " not finite"
	}
	return s
}

// values are drawn in proportion to the most frequent one.
func values(c *Column, rows int64) []value {
	var out []value
	for _, t := range c.Top {
		width := 100 * float64(t.Count) / float64(c.Top[0].Count)
		out = append(out, value{t.Value, whole(t.Count), percent(t.Count, rows), px(width)})
	}
	return out
}

// quantileNames are of those that the page shows; the extreme percentiles are in
// the statistics.
var quantileNames = map[float64]string{0: "minimum", 0.05: "5\u202f% are below", 0.25: "25\u202f% are below", 0.5: "median", 0.75: "75\u202f% are below", 0.95: "95\u202f% are below", 1: "maximum"}

func numberFacts(c *Column, few bool) []fact {
	out := []fact{{"mean", number(c, c.Numbers.Mean)}}
	if !isTime(c) {
		out = append(out, fact{"standard deviation", strconv.FormatFloat(c.Numbers.Std, 'g', 6, 64)})
	}
	for _, q := range c.Numbers.Quantiles {
		if name, ok := quantileNames[q.Share]; ok && !few {
			out = append(out, fact{name, number(c, q.Value)})
		}
	}
	return out
}

func characters(n int64) string {
	if n == 1 {
		return "1 character"
	}
	return whole(n) + " characters"
}
