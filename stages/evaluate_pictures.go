package stages

import (
	"cmp"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/stages/model"
	"pipe/stages/report"
	"pipe/stages/transform"
)

// shownPictures is how many right and how many wrong answers the report shows.
const shownPictures = 6

// gallery keeps picture files that the report explains: of each class the first that
// was right, and the mistakes of which the model was surest.
type gallery struct {
	pictures     *transform.Pictures
	column       string
	right, wrong []exhibit
}

type exhibit struct {
	file             []byte
	name             string
	truth, predicted string
	class            int
	probability      float32
}

// newGallery gives nil for models that read no pictures.
func newGallery(m *model.Model) *gallery {
	p, ok := m.Transform().(*transform.Pictures)
	if !ok || len(m.Network().Input.Shape) != 3 {
		return nil
	}
	return &gallery{pictures: p, column: m.Signature().Inputs[0].Name}
}

func (g *gallery) takes(right bool, class int, probability float32) bool {
	if right {
		return len(g.right) < shownPictures && !slices.ContainsFunc(g.right, func(e exhibit) bool { return e.class == class })
	}
	return len(g.wrong) < shownPictures || probability > g.wrong[len(g.wrong)-1].probability
}

func (g *gallery) add(batch arrow.RecordBatch, i int, e exhibit) {
	column, ok := batch.Column(batch.Schema().FieldIndices(g.column)[0]).(*array.Binary)
	if !ok {
		return
	}
	e.file, e.name = slices.Clone(column.Value(i)), strings.Clone(transform.PathBeside(batch, i))
	if e.truth == e.predicted {
		g.right = append(g.right, e)
		return
	}
	g.wrong = append(g.wrong, e)
	slices.SortStableFunc(g.wrong, func(a, b exhibit) int { return cmp.Compare(b.probability, a.probability) })
	g.wrong = g.wrong[:min(len(g.wrong), shownPictures)]
}

// explained gives the pictures with the places that spoke for the answer; none where
// the network does not keep places apart.
func (g *gallery) explained(m *model.Model) ([]report.Picture, error) {
	if g == nil {
		return nil, nil
	}
	var out []report.Picture
	for _, e := range slices.Concat(g.wrong, g.right) {
		seen, err := g.pictures.Seen(e.file)
		if err != nil {
			return nil, err
		}
		var in transform.Input
		if err := g.pictures.ApplyRow(&in, map[string]any{g.column: e.file}); err != nil {
			return nil, err
		}
		heat, err := m.Network().GradCAM(in.Values, e.class)
		if err != nil {
			return nil, nil
		}
		p := report.Picture{Name: e.name, Truth: e.truth, Predicted: e.predicted, Probability: float64(e.probability)}
		if p.File, err = seen.PNG(); err != nil {
			return nil, err
		}
		if p.Heat, err = seen.Heated(heat.Values, heat.Height, heat.Width).PNG(); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}
