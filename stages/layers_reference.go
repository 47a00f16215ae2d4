package stages

import (
	"fmt"
	"reflect"
	"strings"

	"pipe/dag/text"
	"pipe/stages/nn"
)

// networkReference lists in Markdown what a network can be made of, from the
// structs themselves.
func networkReference() string {
	var b strings.Builder
	describe(&b, "Layers", nn.LayerKinds(), nn.NewLayer)
	describe(&b, "Losses", nn.LossKinds(), nn.NewLoss)
	describe(&b, "Optimizers", nn.OptimizerKinds(), nn.NewOptimizer)
	describe(&b, "Schedules of the learning rate", nn.ScheduleKinds(), nn.NewSchedule)
	return b.String()
}

func describe[T any](b *strings.Builder, title string, kinds []string, create func(string) (T, error)) {
	fmt.Fprintf(b, "\n\n%s:\n", title)
	for _, kind := range kinds {
		v, err := create(kind)
		if err != nil {
			panic(err) // the registry does not know what it lists
		}
		fmt.Fprintf(b, "\n- `%s`", kind)
		for i, f := range text.Fields(reflect.TypeOf(v).Elem()) {
			b.WriteString(map[bool]string{true: ": ", false: "; "}[i == 0])
			fmt.Fprintf(b, "`%s` (%s)", f.Name, setting(f))
		}
	}
}

func setting(f text.Field) string {
	switch {
	case f.Required:
		return f.Doc + "; required"
	case f.Default != "":
		return f.Doc + "; " + f.Default + " by default"
	}
	return f.Doc
}
