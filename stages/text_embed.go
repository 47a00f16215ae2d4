package stages

import (
	"context"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/transform"
)

var textEmbedKind = dag.Info{
	Name:    "text.embed",
	Version: 1,
	Doc: "Makes a transform of an encoder, which turns a column of text into the encoder's vectors. What nn.train then learns is a head on vectors that are computed " +
		"once for each row; the encoder's weights stay as they are, and the model holds them.",
	Example: `vectors: { uses: text.embed, in: encoder }`,
	New:     func() dag.Kind { return &TextEmbed{} },
}

// TextEmbed is the kind text.embed.
type TextEmbed struct{}

// Ports implements dag.Kind.
func (*TextEmbed) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.Model, Doc: "the encoder"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Transform, Doc: "text to vectors"}}
}

// Check implements dag.Kind.
func (*TextEmbed) Check(c *dag.Check) {
	checkTask(c, "in", model.EmbeddingTask)
	out := dag.Schema{Type: artifacts.Transform}
	if s := c.In["in"].Signature; s != nil && len(s.Shape) == 1 {
		out.Signature = transform.EmbeddedSignature(s.Inputs, s.Shape[0])
	}
	c.Out[dag.Out] = out
}

// Run implements dag.Kind.
func (*TextEmbed) Run(_ context.Context, env *dag.Env) error {
	folder, err := env.Folder("in")
	if err != nil {
		return err
	}
	e, err := model.LoadEncoder(folder)
	if err != nil {
		return err
	}
	t, err := transform.NewEmbedded(e.Transform(), e.Network())
	if err != nil {
		return err
	}
	env.Logf("vectors of %d numbers", e.Dim())
	out, err := env.CreateFolder(dag.Out, artifacts.Transform)
	if err != nil {
		return err
	}
	return transform.Save(out, t)
}
