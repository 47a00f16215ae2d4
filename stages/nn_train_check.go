package stages

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/score"
)

// Check implements dag.Kind: the target fits the loss, the columns that the
// transform reads are there, and every layer fits the one before it.
func (t *Train) Check(c *dag.Check) {
	out := dag.Schema{Type: artifacts.Model}
	target, ok := t.checkTarget(c)
	reads := t.checkBeginning(c)
	t.checkTables(c, target, ok, reads)
	t.checkFreeze(c)
	if reads != nil {
		checkInputs(c, reads, "train", "validation")
		t.checkLeak(c, reads)
		t.checkAugment(c, c.In["transform"].Signature)
		t.checkNetwork(c, c.In["transform"].Signature)
	}
	if reads != nil && ok {
		s := model.SignatureOf(*reads, t.task(), dag.Column{Name: t.Target, Type: target.Type.String()})
		s.Target = t.Target
		out.Signature = &s
	}
	if c.In["validation"].Type == "" {
		t.checkMonitor(c)
	}
	if t.task() == score.Regression && t.ClassWeight.set() {
		c.Errorf("class_weight", "classes are weighted where the target is a label; mse takes numbers")
	}
	c.Out[dag.Out] = out
}

// checkTables looks at the training tables behind the first.
func (t *Train) checkTables(c *dag.Check, target arrow.Field, known bool, reads *dag.Signature) {
	t.checkMix(c)
	tables := c.InMany["train"]
	if len(tables) < 2 {
		return
	}
	for i, s := range tables[1:] {
		c.In["train"] = s
		f, ok := t.checkTarget(c)
		if ok && known && !arrow.TypeEqual(f.Type, target.Type) {
			c.Errorf(fmt.Sprintf("in.train[%d]", i+1), "column %q is %s here and %s in %s", t.Target, f.Type, target.Type, tables[0].Origin)
		}
		if reads != nil {
			checkInputs(c, reads, "train")
		}
	}
	c.In["train"] = tables[0]
}

const oneBeginning = "connect a transform to begin with a new network, or a model to go on from"

// checkBeginning wants either a transform and layers or a model, and gives what
// either reads; nil where that is not known.
func (t *Train) checkBeginning(c *dag.Check) *dag.Signature {
	fresh, further := c.In["transform"].Type != "", c.In["model"].Type != ""
	switch {
	case fresh == further && fresh:
		c.Errorf("in.model", "the model brings its own transform; %s", oneBeginning)
	case fresh == further:
		c.Errorf("", "%s", oneBeginning)
	case t.Keep > 0 && (fresh || len(t.Layers) == 0):
		c.Errorf("keep", "layers are kept of a connected model in front of a new end, which layers gives")
	case fresh && len(t.Layers) == 0:
		c.Errorf("layers", "a new network needs layers")
	case further:
		s := c.In["model"].Signature
		if s != nil && s.Task != "" && s.Task != t.task() {
			c.Errorf("loss", "the model is for %s, and this loss is for %s", s.Task, t.task())
		}
		return s
	default:
		return c.In["transform"].Signature
	}
	return nil
}

// checkMonitor is for trainings without validation rows.
func (t *Train) checkMonitor(c *dag.Check) {
	const hint = "connect in.validation, or let early_stopping monitor loss or accuracy"
	if !strings.HasPrefix(t.watched(), "val_") {
		return
	}
	if t.EarlyStopping != nil {
		c.Hintf("config", "early_stopping.monitor", hint, "%s is measured on validation rows, and none are connected", t.watched())
	} else if name, _ := only(t.Schedule); name == "plateau" {
		c.Hintf("config", "schedule", hint, "plateau watches %s, which is measured on validation rows, and none are connected", t.watched())
	}
}

// checkTarget looks for the target in both tables; ok tells that its type is
// known and can be learnt.
func (t *Train) checkTarget(c *dag.Check) (f arrow.Field, ok bool) {
	f, found := c.Column("train", "target", t.Target)
	c.RefusesNull("train", "target", t.Target, "leave such rows out with clean's drop_null")
	if v, ok := c.Column("validation", "target", t.Target); ok && found && !arrow.TypeEqual(v.Type, f.Type) {
		c.Errorf("in.validation", "column %q is %s here and %s in train", t.Target, v.Type, f.Type)
	}
	return f, found && t.checkTargetType(c, f)
}

func (t *Train) checkTargetType(c *dag.Check, f arrow.Field) bool {
	name, _ := only(t.Loss)
	switch {
	case t.task() == score.Regression && !model.NumberType(f.Type):
		c.Hintf("config", "target", "for labels use categorical_crossentropy", "%s predicts numbers; column %q is %s", name, f.Name, f.Type)
	case t.task() == score.Classification && !model.LabelType(f.Type):
		c.Hintf("config", "target", "labels are text, whole numbers or booleans; for numbers use mse", "%s predicts labels; column %q is %s", name, f.Name, f.Type)
	default:
		return true
	}
	return false
}

// checkInputs compares the raw columns that a transform or a model reads with
// the tables on some ports.
func checkInputs(c *dag.Check, s *dag.Signature, ports ...string) {
	for _, port := range ports {
		columns := c.Columns(port)
		if columns == nil {
			continue
		}
		for _, want := range s.Inputs {
			f, found := columns.FieldsByName(want.Name)
			switch {
			case !found:
				c.Hintf("missing-column", "in."+port, "its columns: "+strings.Join(dag.ColumnNames(columns), ", "), "%s has no column %q, which is to be read", c.In[port].Origin, want.Name)
			case want.Type != "" && f[0].Type.String() != want.Type && !(model.ReadsLists(s.Task) && isTextList(f[0].Type)):
				c.Errorf("in."+port, "column %q of %s is %s, and %s is to be read", want.Name, c.In[port].Origin, f[0].Type, want.Type)
			}
		}
	}
}

// checkLeak refuses a transform that reads the answer.
func (t *Train) checkLeak(c *dag.Check, s *dag.Signature) {
	for _, in := range s.Inputs {
		if in.Name == t.Target {
			c.Errorf("target", "the transform reads the column %q, which is to be predicted: the network would see the answer", t.Target)
		}
	}
}

// checkNetwork follows the shapes through the layers.
func (t *Train) checkNetwork(c *dag.Check, s *dag.Signature) {
	if s == nil || len(s.Shape) == 0 || len(t.Layers) == 0 {
		return
	}
	in := nn.Input{Tokens: s.Tokens != 0, Shape: standIn(s)}
	context := nn.Context{Vocab: max(s.Tokens, 0)}
	layers := t.Layers.list()
	shapes, err := nn.Check(in, context, layers)
	var le *nn.LayerError
	switch {
	case errors.As(err, &le):
		c.Hintf("shape", layerField(le.Index, le.Kind), chain(in, layers, shapes), "%s %s", le.Kind, hideWidth(le.Err.Error()))
		return
	case err != nil:
		c.Errorf("layers", "%v", err)
		return
	}
	if err := nn.CheckLoss(t.lossOf(), layers, shapes, context); err != nil {
		c.Hintf("shape", "loss", chain(in, layers, shapes), "%v", err)
		return
	}
	t.checkOutput(c, in, layers, shapes)
	t.checkSize(c, s, layers)
	c.Summary = func() string { return t.summary(in, context.Vocab, layers) }
}

// checkOutput wants one answer for each row, of the width that the loss needs.
func (t *Train) checkOutput(c *dag.Check, in nn.Input, layers []nn.Layer, shapes []nn.Shape) {
	last := len(layers) - 1
	field, out := layerField(last, nn.LayerKind(layers[last])), shapes[last]
	name, loss := only(t.Loss)
	_, binary := loss.(*nn.BinaryCrossentropy)
	switch {
	case len(out) != 2:
		c.Hintf("shape", field, chain(in, layers, shapes), "the network gives %v and not one answer for each row; let the last recurrent layer go without return_sequences, or add flatten or global_max_pool", out)
	case binary && out.Last() != 1:
		c.Hintf("shape", field, "for several classes use categorical_crossentropy", "%s answers yes or no and needs units: 1, the network gives %v", name, out)
	case isRegression(loss) && out.Last() != 1:
		c.Errorf(field, "one number is predicted for each row, which needs units: 1; the network gives %v", out)
	case !binary && !isRegression(loss) && out.Last() > 1 && out.Last() < c.Distinct("train", t.Target):
		c.Hintf("shape", field, "write units: classes", "%s needs one unit for each class: column %q of %s has at least %d classes, the network gives %v", name, t.Target, c.In["train"].Origin, c.Distinct("train", t.Target), out)
	case !binary && !isRegression(loss) && out.Last() == 1:
		c.Hintf("shape", field, "write units: classes", "%s needs one unit for each class, the network gives %v", name, out)
	}
}

func (t *Train) lossOf() nn.Loss { _, l := only(t.Loss); return l }

// anyWidth stands for the number of features where only fitting will tell it:
// layers must know the width of numbers to be checked.
const anyWidth = 1_000_003

func standIn(s *dag.Signature) []int {
	shape := slices.Clone(s.Shape)
	if last := len(shape) - 1; s.Tokens == 0 && shape[last] == nn.Unknown {
		shape[last] = anyWidth
	}
	return shape
}

func hideWidth(message string) string {
	return strings.ReplaceAll(message, strconv.Itoa(anyWidth), "?")
}

func layerField(i int, kind string) string { return fmt.Sprintf("layers[%d].%s", i, kind) }

// chain shows the shapes on the way: "input (?, 40) → embedding (?, 40, 128)".
func chain(in nn.Input, layers []nn.Layer, shapes []nn.Shape) string {
	var b strings.Builder
	what := "numbers"
	if in.Tokens {
		what = "token ids"
	}
	fmt.Fprintf(&b, "%s %v", what, append(nn.Shape{nn.Unknown}, in.Shape...))
	for i, s := range shapes {
		fmt.Fprintf(&b, " → %s %v", nn.LayerKind(layers[i]), s)
	}
	if len(shapes) < len(layers) {
		fmt.Fprintf(&b, " → %s ✗", nn.LayerKind(layers[len(shapes)]))
	}
	return hideWidth(b.String())
}
