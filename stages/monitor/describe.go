package monitor

import (
	"fmt"
	"strings"
)

// Describe tells people of a feature in a line.
func (f *Feature) Describe() string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case f.Kind == Rate:
		say("%.3g %% of %d tokens are not in the vocabulary", 100*f.UnknownRate(), f.Rows)
	case f.Kind == Numbers && f.Mean != nil && f.Min != nil && f.Max != nil:
		say("%.5g to %.5g, mean %.5g", *f.Min, *f.Max, *f.Mean)
	case f.Kind == Categories:
		const shown = 5
		all := float64(f.Others)
		for _, n := range f.Counts {
			all += float64(n)
		}
		for i, v := range f.Values[:min(len(f.Values), shown)] {
			say("%s %.3g %%", v, 100*ratio(float64(f.Counts[i]), all))
		}
		if more := len(f.Values) - shown; more > 0 {
			say("and %d more values", more)
		}
	}
	if f.Missing > 0 {
		say("%.3g %% missing", 100*f.MissingRate())
	}
	return strings.Join(parts, ", ")
}
