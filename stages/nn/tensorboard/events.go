// Package tensorboard writes event files as TensorBoard reads them: records of
// TensorFlow, each with its checksums, that hold protobuf events. The messages are
// those of event.proto and summary.proto.
package tensorboard

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"pipe/stages/nn"
)

// FileName is a name by which TensorBoard knows an event file.
const FileName = "events.out.tfevents.0.pipe"

// Writer writes one event file. The first error stays.
type Writer struct {
	w   io.Writer
	err error
}

// NewWriter begins a file.
func NewWriter(w io.Writer) *Writer {
	f := &Writer{w: w}
	f.event(0, 0, 3, []byte("brain.Event:2"))
	return f
}

// Err returns what went wrong first.
func (f *Writer) Err() error { return f.err }

// Scalar writes one point of a curve. The time is in seconds since 1970.
func (f *Writer) Scalar(step int64, time float64, tag string, value float64) {
	b := f.tag(tag)
	b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
	f.summary(step, time, protowire.AppendFixed32(b, math.Float32bits(float32(value))))
}

// Histogram writes how numbers are distributed.
func (f *Writer) Histogram(step int64, time float64, tag string, h *nn.Histogram) {
	var m []byte
	for i, v := range []float64{h.Min, h.Max, float64(h.Count()), h.Sum, h.Squares} {
		m = double(m, protowire.Number(i+1), v)
	}
	limits, counts := make([]float64, len(h.Counts)), make([]float64, len(h.Counts))
	for i, n := range h.Counts {
		limits[i], counts[i] = h.Limit(i), float64(n)
	}
	m = doubles(m, 6, limits)
	m = doubles(m, 7, counts)
	b := protowire.AppendTag(f.tag(tag), 5, protowire.BytesType)
	f.summary(step, time, protowire.AppendBytes(b, m))
}

// tag begins a Summary.Value.
func (f *Writer) tag(tag string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), tag)
}

func (f *Writer) summary(step int64, time float64, value []byte) {
	f.event(step, time, 5, protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), value))
}

// event writes an Event with one field of what it can be.
func (f *Writer) event(step int64, time float64, field protowire.Number, what []byte) {
	b := double(nil, 1, time)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(step))
	b = protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), what)
	f.record(b)
}

func double(b []byte, field protowire.Number, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
}

// doubles writes a packed list.
func doubles(b []byte, field protowire.Number, list []float64) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(8*len(list)))
	for _, v := range list {
		b = protowire.AppendFixed64(b, math.Float64bits(v))
	}
	return b
}

// record writes the length and the data, each followed by its checksum.
func (f *Writer) record(data []byte) {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	head = binary.LittleEndian.AppendUint32(head, masked(head))
	for _, part := range [][]byte{head, data, binary.LittleEndian.AppendUint32(nil, masked(data))} {
		if f.err == nil {
			_, f.err = f.w.Write(part)
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of a record, turned so that a record inside a record does
// not look right.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
