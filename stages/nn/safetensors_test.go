package nn

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestSafetensorsRoundTrip(t *testing.T) {
	arrays := []Array{
		{"b", Shape{2, 3}, []float32{1, -2, 3.5, float32(math.Inf(1)), 0, 1e-40}},
		{"a", Shape{0, 4}, []float32{}},
		{"scalar", Shape{}, []float32{7}},
	}
	var first, second bytes.Buffer
	if err := WriteSafetensors(&first, arrays, map[string]string{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	arrays[0], arrays[1] = arrays[1], arrays[0]
	if err := WriteSafetensors(&second, arrays, map[string]string{"k": "v"}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the order of the arrays reaches the bytes")
	}
	if n := binary.LittleEndian.Uint64(first.Bytes()); n%headerAlign != 0 {
		t.Errorf("the numbers begin at byte %d", 8+n)
	}
	got, metadata, err := ReadSafetensors(bytes.NewReader(first.Bytes()), int64(first.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, arrays) || metadata["k"] != "v" {
		t.Errorf("got %v %v, want %v", got, metadata, arrays)
	}
}

func TestSafetensorsWriterRefusesAmbiguousNames(t *testing.T) {
	for _, arrays := range [][]Array{
		{{"a", Shape{1}, []float32{1}}, {"a", Shape{1}, []float32{2}}},
		{{metadataKey, Shape{1}, []float32{1}}},
		{{"a", Shape{2}, []float32{1}}},
	} {
		if WriteSafetensors(io.Discard, arrays, nil) == nil {
			t.Errorf("%v is written", arrays)
		}
	}
}

// safetensorsFile joins a header and numbers of the given size.
func safetensorsFile(header string, size int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, size)...)
}

func TestSafetensorsReadsHalfAndDouble(t *testing.T) {
	b := safetensorsFile(`{"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},`+
		`"b":{"dtype":"BF16","shape":[1],"data_offsets":[8,10]},"d":{"dtype":"F64","shape":[1],"data_offsets":[10,18]}}`, 0)
	for _, v := range []uint16{0x3c00, 0xc000, 0x0001, 0x7c00, 0x3fc0} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(0.25))
	arrays, _, err := ReadSafetensors(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float32{"h": {1, -2, 1.0 / (1 << 24), float32(math.Inf(1))}, "b": {1.5}, "d": {0.25}}
	for _, a := range arrays {
		if !reflect.DeepEqual(a.Data, want[a.Name]) {
			t.Errorf("%s is %v, want %v", a.Name, a.Data, want[a.Name])
		}
	}
}

func TestSafetensorsRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"seven bytes", make([]byte, 7), "cut short"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, 1<<60), "claims"},
		{"header past the end", append(binary.LittleEndian.AppendUint64(nil, 100), '{', '}'), "claims"},
		{"no object", safetensorsFile(`[]`, 0), "not a JSON object"},
		{"cut object", safetensorsFile(`{"a":`, 0), "header"},
		{"text after the object", safetensorsFile(`{} x`, 0), "follow the object"},
		{"name twice", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "twice"},
		{"unknown type", safetensorsFile(`{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}`, 4), "I32"},
		{"hostile shape", safetensorsFile(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}`, 4), "too large"},
		{"hostile place", safetensorsFile(`{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}`, 4), "cut short"},
		{"wrong place", safetensorsFile(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "needs 8 bytes"},
		{"reversed place", safetensorsFile(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[4,0]}}`, 4), "begins at byte 4"},
		{"one offset", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), "needs 2"},
		{"negative offset", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4), `tensor "a": data_offsets must be a list of whole numbers from 0, and has the JSON number -4`},
		{"half a row", safetensorsFile(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4), `tensor "a": shape must be a list of whole numbers from 0, and has the JSON number 1.5`},
		{"number as type", safetensorsFile(`{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}`, 4), `tensor "a": dtype must be text, such as "F32", and is a JSON number`},
		{"list as tensor", safetensorsFile(`{"a":[1]}`, 4), `tensor "a": it must be an object with dtype`},
		{"torch.save", []byte("PK\x03\x04\x00\x00\x08\x08archive/data.pkl"), "it is a file of torch.save; write it with safetensors.torch.save_file"},
		{"old torch.save", []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j"), "it is a file of torch.save"},
		{"overlap", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, 6), "overlap"},
		{"gap", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), "gap"},
		{"rest", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 9), "follow the last"},
		{"cut numbers", safetensorsFile(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 3), "cut short"},
	} {
		_, _, err := ReadSafetensors(bytes.NewReader(c.data), int64(len(c.data)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want it to say %q", c.name, err, c.want)
		}
	}
}

func FuzzReadSafetensors(f *testing.F) {
	var good bytes.Buffer
	if err := WriteSafetensors(&good, []Array{{"a", Shape{2}, []float32{1, 2}}, {"b", Shape{}, []float32{3}}}, map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add(safetensorsFile(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 2))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<60))
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, metadata, err := ReadSafetensors(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := WriteSafetensors(&out, arrays, metadata); err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, _, err := ReadSafetensors(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatalf("written but not read: %v", err)
		}
		for i, a := range arrays {
			if a.Name != again[i].Name || !a.Shape.Equal(again[i].Shape) || len(a.Data) != len(again[i].Data) {
				t.Errorf("%v became %v", a, again[i])
			}
		}
	})
}
