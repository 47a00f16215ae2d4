package nn

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
)

// ReadSafetensors reads a whole file of size bytes: the arrays in the order of
// their names, and the metadata. F64, F16 and BF16 become float32. The file is
// refused, before anything of the claimed size is allocated, when its header is
// malformed or names a tensor twice, and when the tensors overlap, leave gaps or
// do not fill the file exactly.
func ReadSafetensors(r io.Reader, size int64) ([]Array, map[string]string, error) {
	return readSafetensors(r, size, false)
}

// readSafetensors leaves tensors of whole numbers out, or refuses the file for one:
// published files hold the numbers of the positions, and PyTorch's num_batches_tracked,
// as if they were weights.
func readSafetensors(r io.Reader, size int64, leaveOut bool) ([]Array, map[string]string, error) {
	entries, metadata, begin, err := readHeader(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	if err := checkPlaces(entries, uint64(size)-begin, leaveOut); err != nil {
		return nil, nil, fmt.Errorf("safetensors: %w", err)
	}
	arrays := make([]Array, 0, len(entries))
	for _, e := range entries {
		raw := make([]byte, e.Offsets[1]-e.Offsets[0])
		if _, err := io.ReadFull(r, raw); err != nil {
			return nil, nil, fmt.Errorf("safetensors: numbers of %q: %w", e.name, err)
		}
		if dtypeBytes[e.DType] == 0 {
			continue
		}
		a := Array{Name: e.name, Shape: make(Shape, len(e.Shape)), Data: decodeNumbers(raw, e.DType)}
		for j, d := range e.Shape {
			a.Shape[j] = int(d)
		}
		arrays = append(arrays, a)
	}
	slices.SortFunc(arrays, func(a, b Array) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return arrays, metadata, nil
}

type namedEntry struct {
	name string
	tensorEntry
}

// readHeader returns the entries in the order of their places, and where the
// numbers begin.
func readHeader(r io.Reader, size int64) ([]namedEntry, map[string]string, uint64, error) {
	if size == 0 {
		return nil, nil, 0, errors.New("the file is empty")
	}
	var length uint64
	if err := binary.Read(r, binary.LittleEndian, &length); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, 0, fmt.Errorf("the file is cut short or is no safetensors file: it has %d bytes, and begins with 8 for the length of its header", size)
	} else if err != nil {
		return nil, nil, 0, fmt.Errorf("length of the header: %w", err)
	}
	tooLong := length > maxHeader || size < 8 || length > uint64(size)-8
	if tooLong && isTorchSave(length) {
		return nil, nil, 0, errors.New("it is a file of torch.save; write it with safetensors.torch.save_file(model.state_dict(), …)")
	}
	if tooLong {
		return nil, nil, 0, fmt.Errorf("the header claims %d bytes of a file of %d: it is cut short or is no safetensors file", length, size)
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, nil, 0, fmt.Errorf("header: %w", err)
	}
	entries, metadata, err := parseHeader(data)
	return entries, metadata, 8 + length, err
}

// parseHeader walks the tokens of the object, because a map would hide names
// that come twice.
func parseHeader(data []byte) ([]namedEntry, map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("the header is not a JSON object")
	}
	var (
		entries  []namedEntry
		metadata map[string]string
		seen     = map[string]bool{}
	)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("header: %w", err)
		}
		name, _ := t.(string)
		if seen[name] {
			return nil, nil, fmt.Errorf("the header names %q twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			if err := d.Decode(&metadata); err != nil {
				return nil, nil, fmt.Errorf("header: %s: %w", metadataKey, headerError(err))
			}
			continue
		}
		e := namedEntry{name: name}
		if err := d.Decode(&e.tensorEntry); err != nil {
			return nil, nil, fmt.Errorf("header: tensor %q: %w", name, headerError(err))
		}
		if len(e.Offsets) != 2 {
			return nil, nil, fmt.Errorf("header: %q has %d data_offsets, needs 2", name, len(e.Offsets))
		}
		entries = append(entries, e)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if rest := bytes.TrimRight(data[d.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, fmt.Errorf("header: %d bytes follow the object", len(rest))
	}
	slices.SortStableFunc(entries, func(a, b namedEntry) int {
		if a.Offsets[0] != b.Offsets[0] {
			if a.Offsets[0] < b.Offsets[0] {
				return -1
			}
			return 1
		}
		// An empty tensor comes before the one that begins at the same place.
		if a.Offsets[1] < b.Offsets[1] {
			return -1
		} else if a.Offsets[1] > b.Offsets[1] {
			return 1
		}
		return 0
	})
	return entries, metadata, nil
}

// headerError says of a value that is none of its field what was needed.
func headerError(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	switch wrong.Field {
	case "dtype":
		return fmt.Errorf("dtype must be text, such as \"F32\", and is a JSON %s", wrong.Value)
	case "shape", "data_offsets":
		return fmt.Errorf("%s must be a list of whole numbers from 0, and has the JSON %s", wrong.Field, wrong.Value)
	}
	return fmt.Errorf("it must be an object with dtype, shape and data_offsets (of texts for %s), and has the JSON %s", metadataKey, wrong.Value)
}

// isTorchSave knows what torch.save writes, by what a safetensors file would have as the
// length of its header: a ZIP archive, and before PyTorch 1.6 a pickle.
func isTorchSave(length uint64) bool { return uint32(length) == 0x04034b50 || uint16(length) == 0x0280 }

// checkPlaces demands that the tensors, in order, fill the given bytes.
func checkPlaces(entries []namedEntry, bytes uint64, leaveOut bool) error {
	at := uint64(0)
	for _, e := range entries {
		width := dtypeBytes[e.DType]
		if width == 0 && leaveOut {
			width = wholeBytes[e.DType]
		}
		if width == 0 {
			return fmt.Errorf("%q has type %q; F64, F32, F16 and BF16 can be read", e.name, e.DType)
		}
		want, err := shapeBytes(e.Shape, width)
		if err != nil {
			return fmt.Errorf("%q: %w", e.name, err)
		}
		begin, end := e.Offsets[0], e.Offsets[1]
		switch {
		case begin != at:
			return fmt.Errorf("%q begins at byte %d, where %d is due: tensors overlap or leave a gap", e.name, begin, at)
		case end < begin || end-begin != want:
			return fmt.Errorf("%q of shape %v and type %s needs %d bytes, has place %d to %d", e.name, e.Shape, e.DType, want, begin, end)
		case end > bytes:
			return fmt.Errorf("%q ends at byte %d of %d: the file is cut short", e.name, end, bytes)
		}
		at = end
	}
	if at != bytes {
		return fmt.Errorf("%d bytes follow the last tensor", bytes-at)
	}
	return nil
}

var dtypeBytes = map[string]uint64{"F64": 8, "F32": 4, "F16": 2, "BF16": 2}

// wholeBytes are the widths of whole numbers.
var wholeBytes = map[string]uint64{"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}

func shapeBytes(shape []uint64, width uint64) (uint64, error) {
	n := width
	for _, d := range shape {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 || lo > math.MaxInt64 {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		if d > math.MaxInt {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n = lo
	}
	return n, nil
}

func decodeNumbers(raw []byte, dtype string) []float32 {
	out := make([]float32, uint64(len(raw))/dtypeBytes[dtype])
	order := binary.LittleEndian
	for i := range out {
		switch dtype {
		case "F64":
			out[i] = float32(math.Float64frombits(order.Uint64(raw[8*i:])))
		case "F32":
			out[i] = math.Float32frombits(order.Uint32(raw[4*i:]))
		case "BF16":
			out[i] = math.Float32frombits(uint32(order.Uint16(raw[2*i:])) << 16)
		case "F16":
			out[i] = halfToFloat(order.Uint16(raw[2*i:]))
		}
	}
	return out
}

// halfToFloat converts an IEEE 754 binary16.
func halfToFloat(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10)&31, uint32(h)&1023
	switch {
	case exponent == 31: // infinity or NaN
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	case exponent == 0: // zero or subnormal: fraction · 2⁻²⁴
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
