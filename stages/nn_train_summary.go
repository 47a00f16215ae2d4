package stages

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"pipe/stages/nn"
)

// summary lists the layers: what comes out of each for a row, its parameters, its
// arithmetic, and the memory that training takes. The number of labels is known
// only when the data is read, so what depends on it is told for each label.
func (t *Train) summary(in nn.Input, vocab int, layers []nn.Layer) string {
	two, err := describeTwins(in, nn.Context{Vocab: max(vocab, 1), Classes: 2}, layers)
	if err != nil {
		return "" // the check has told it
	}
	three, err := describeTwins(in, nn.Context{Vocab: max(vocab, 1), Classes: 3}, layers)
	if err != nil {
		return ""
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "layer\toutput\tparameters\tMFLOP a row\t\n")
	fmt.Fprintf(w, "input\t%v\t\t\t\n", append(nn.Shape{nn.Unknown}, in.Shape...))
	var all, each, flop, values int
	for i, l := range two {
		perClass := three[i].Params - l.Params
		fixed := l.Params - 2*perClass
		all, each, flop = all+fixed, each+perClass, flop+2*l.Multiplies
		out := l.Out.String()
		if three[i].Out.Last() != l.Out.Last() {
			out = strings.TrimSuffix(out, "2)") + "classes)"
		}
		values += nn.Shape(l.Out[1:]).Size()
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3g\t\n", l.Kind, out, counted(fixed, perClass), 2e-6*float64(l.Multiplies))
	}
	fmt.Fprintf(w, "all\t\t%s\t%.3g\t\n", counted(all, each), 1e-6*float64(flop))
	w.Flush()

	_, optimizer := only(t.Optimizer)
	copies := 2 + len(optimizer.Slots()) // weights, gradients, and what the optimiser keeps
	const mib = 1 << 20
	fmt.Fprintf(&b, "training takes about %.1f MiB for the weights, their gradients and the optimizer, and at least %.1f MiB for what the layers give a batch of %d, and its gradients\n",
		float64(4*copies*all)/mib, float64(4*2*values*t.BatchSize)/mib, t.BatchSize)
	if in.Tokens && vocab < 1 {
		b.WriteString("how many token ids there are is not known before the text is read; an embedding has its dim for each\n")
	}
	return b.String()
}

func describeTwins(in nn.Input, c nn.Context, layers []nn.Layer) ([]nn.LayerSummary, error) {
	twins := make([]nn.Layer, len(layers))
	for i, l := range layers {
		twins[i] = twinOf(l)
	}
	return nn.Describe(in, c, twins)
}

// counted writes numbers with commas, and what each label adds.
func counted(fixed, perClass int) string {
	text := thousands(fixed)
	if perClass != 0 {
		if fixed == 0 {
			return thousands(perClass) + " a label"
		}
		text += " + " + thousands(perClass) + " a label"
	}
	return text
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
