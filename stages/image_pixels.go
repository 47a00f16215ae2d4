package stages

import (
	"context"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/transform"
)

var imagePixelsKind = dag.Info{
	Name:    "image.pixels",
	Version: 1,
	Doc: "Makes a transform that turns a column of picture files (JPEG with its EXIF orientation, PNG, GIF, WebP, BMP) into numbers: resized as Pillow's bilinear filter does, " +
		"scaled to 0…1 and normalised. The model that is trained with it takes picture files.",
	Example: `pixels: { uses: image.pixels, with: { height: 32, width: 32, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } }`,
	New:     func() dag.Kind { return &ImagePixels{} },
}

// ImagePixels is the kind image.pixels.
type ImagePixels struct {
	transform.Pixels `yaml:",inline"`
}

// Ports implements dag.Kind.
func (*ImagePixels) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Transform, Doc: "picture files to numbers"}}
}

// Check implements dag.Kind.
func (k *ImagePixels) Check(c *dag.Check) {
	if field, err := k.Validate(); err != nil {
		c.Errorf(field, "%v", err)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Transform, Signature: k.Pixels.Signature()}
}

// Run implements dag.Kind.
func (k *ImagePixels) Run(_ context.Context, env *dag.Env) error {
	t, err := transform.NewPictures(k.Pixels)
	if err != nil {
		return err
	}
	out, err := env.CreateFolder(dag.Out, artifacts.Transform)
	if err != nil {
		return err
	}
	return transform.Save(out, t)
}
