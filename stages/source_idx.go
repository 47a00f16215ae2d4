package stages

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/dag"
)

var sourceIDXKind = dag.Info{
	Name:    "source.idx",
	Version: 1,
	Doc: "Reads pictures and labels in the format of MNIST (IDX, gzip or not). Columns: content (each picture as a PNG file, so that the model that learns from them takes picture files), " +
		"label (the number as text, or its name) and path (the picture's number).",
	Example: `train: { uses: source.idx, with: { images: train-images-idx3-ubyte.gz, labels: train-labels-idx1-ubyte.gz } }`,
	New:     func() dag.Kind { return &SourceIDX{} },
}

// SourceIDX is the kind source.idx.
type SourceIDX struct {
	Images dag.Path `yaml:"images" doc:"the file of pictures" required:"true" example:"train-images-idx3-ubyte.gz"`
	Labels dag.Path `yaml:"labels" doc:"the file of labels" required:"true" example:"train-labels-idx1-ubyte.gz"`
	Names  []string `yaml:"names" doc:"what the labels 0, 1, … are called" example:"[shirt, trousers]"`
}

var idxSchema = arrow.NewSchema([]arrow.Field{{Name: "content", Type: arrow.BinaryTypes.Binary}, {Name: "path", Type: arrow.BinaryTypes.String}, {Name: "label", Type: arrow.BinaryTypes.String}}, nil)

// Ports implements dag.Kind.
func (s *SourceIDX) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Table, Doc: "the pictures"}}
}

// Check implements dag.Kind.
func (s *SourceIDX) Check(c *dag.Check) {
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Table, Table: idxSchema}
	for field, p := range map[string]dag.Path{"images": s.Images, "labels": s.Labels} {
		checkFile(c, field, string(p))
	}
}

// readIDX gives the sizes and the bytes of a file of unsigned bytes.
func readIDX(path string, dims int) (sizes []int, data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		defer z.Close()
		r = z
	}
	head := make([]byte, 4+4*dims)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dims {
		return nil, nil, fmt.Errorf("%s is no IDX file of bytes with %d dimensions", path, dims)
	}
	total := int64(1)
	for i := range dims {
		n := binary.BigEndian.Uint32(head[4+4*i:])
		sizes = append(sizes, int(n))
		if total *= int64(n); n > 1<<24 || total > 1<<32 {
			return nil, nil, fmt.Errorf("%s claims to have %d bytes and more", path, total)
		}
	}
	data, err = io.ReadAll(io.LimitReader(r, total+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if int64(len(data)) != total {
		return nil, nil, fmt.Errorf("%s: there are %d bytes after the head, which says %d", path, len(data), total)
	}
	return sizes, data, nil
}

// oneBuffer lets pictures that are written one after the other share a compressor, which
// takes longer to make than a small picture to compress.
type oneBuffer struct{ b *png.EncoderBuffer }

// Get implements png.EncoderBufferPool.
func (o *oneBuffer) Get() *png.EncoderBuffer { return o.b }

// Put implements png.EncoderBufferPool.
func (o *oneBuffer) Put(b *png.EncoderBuffer) { o.b = b }

// Run implements dag.Kind.
func (s *SourceIDX) Run(ctx context.Context, env *dag.Env) error {
	sizes, pixels, err := readIDX(string(s.Images), 3)
	if err != nil {
		return err
	}
	_, labels, err := readIDX(string(s.Labels), 1)
	if err != nil {
		return err
	}
	if len(labels) != sizes[0] {
		return fmt.Errorf("%s has %d pictures and %s has %d labels", s.Images, sizes[0], s.Labels, len(labels))
	}
	w, err := env.CreateTable(dag.Out, idxSchema, table.Arrow)
	if err != nil {
		return err
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, idxSchema)
	defer b.Release()
	encoder := png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: new(oneBuffer)}
	height, width := sizes[1], sizes[2]
	for i, label := range labels {
		name := fmt.Sprint(label)
		if len(s.Names) > 0 {
			if int(label) >= len(s.Names) {
				return fmt.Errorf("%s: label %d of picture %d has no name; there are %d names", s.Labels, label, i+1, len(s.Names))
			}
			name = s.Names[label]
		}
		var file bytes.Buffer
		if err := encoder.Encode(&file, &image.Gray{Pix: pixels[i*height*width : (i+1)*height*width], Stride: width, Rect: image.Rect(0, 0, width, height)}); err != nil {
			return err
		}
		b.Field(0).(*array.BinaryBuilder).Append(file.Bytes())
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint(i))
		b.Field(2).(*array.StringBuilder).Append(name)
		if (i+1)%4096 == 0 || i+1 == len(labels) {
			batch := b.NewRecordBatch()
			err := w.Write(batch)
			batch.Release()
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			env.Progress(int64(i+1), int64(len(labels)), "pictures")
		}
	}
	env.Logf("%d pictures of %d×%d pixels", len(labels), width, height)
	env.Metric("rows", float64(len(labels)), 0)
	return nil
}
