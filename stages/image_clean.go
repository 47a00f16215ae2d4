package stages

import (
	"context"
	"fmt"

	"pipe/dag"
	"pipe/stages/image"
)

var imageCleanKind = dag.Info{
	Name:    "image.clean",
	Version: 2,
	Doc: `Sorts out picture files that nothing can be learnt from, and names each: what is damaged or no picture, what is
smaller than min_side, and the same file under two labels, which all of its rows are left out for, because one of them
is wrong. A file that comes again under the same label is left out after its first time. Rows are read twice. The
output sorted_out has the file's path where the table has one, its row, its label and the reason.`,
	Example: `good: { uses: image.clean, in: { in: learn, held_out: test }, with: { label: label, min_side: 16 } }`,
	New:     func() dag.Kind { return &ImageClean{} },
}

// ImageClean is the kind image.clean.
type ImageClean struct {
	SortFiles `yaml:",inline"`
	MinSide   int `yaml:"min_side" doc:"pixels that the shorter side has at least" default:"1" min:"1"`
}

// Run implements dag.Kind.
func (k *ImageClean) Run(ctx context.Context, env *dag.Env) error {
	return k.sort(ctx, env, func(file []byte) string {
		p, err := image.Decode(file)
		switch {
		case err != nil:
			return err.Error()
		case min(p.Width, p.Height) < k.MinSide:
			return fmt.Sprintf("it has %d×%d pixels, and min_side is %d", p.Width, p.Height, k.MinSide)
		}
		return ""
	})
}
