package onnx

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func exported(t testing.TB, o Options) []byte {
	t.Helper()
	e := newExample(t, "small", text, masked+`{"lstm":{"units":3,"bidirectional":true}},{"dense":{"units":2,"activation":"gelu"}}`)
	var b bytes.Buffer
	if err := Export(&b, e.net, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (*Model, error) { return Read(bytes.NewReader(data), int64(len(data))) }

func TestReadReturnsWhatWasWritten(t *testing.T) {
	o := Options{Name: "topic", Version: "1.2", Metadata: map[string]string{"labels": `["a","b"]`, "a": "1", "z": "2"}}
	data := exported(t, o)
	if !bytes.Equal(data, exported(t, o)) {
		t.Error("the second export has other bytes")
	}
	m, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	want, err := NewModel(newExample(t, "small", text, masked+`{"lstm":{"units":3,"bidirectional":true}},{"dense":{"units":2,"activation":"gelu"}}`).net, o)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.Graph.Nodes, want.Graph.Nodes) || !reflect.DeepEqual(m.Graph.Inputs, want.Graph.Inputs) || !reflect.DeepEqual(m.Metadata, want.Metadata) {
		t.Errorf("read %+v\nwrote %+v", m, want)
	}
	if first := m.Metadata[0]; first.Key != "a" || m.Graph.Name != "topic" || m.ProducerVersion != "1.2" {
		t.Errorf("%+v", m)
	}
	var again bytes.Buffer
	if err := m.Write(&again); err != nil || !bytes.Equal(again.Bytes(), data) {
		t.Errorf("written again it has other bytes: %v", err)
	}
}

func TestReadRefusesTruncatedFiles(t *testing.T) {
	data := exported(t, Options{})
	if _, err := Read(bytes.NewReader(data[:len(data)/2]), int64(len(data))); err == nil {
		t.Error("half of a file is read")
	}
	for n := range len(data) / 7 {
		if _, err := read(data[:7*n]); err == nil {
			// A cut between two fields of the model leaves a model; it must then
			// have its graph.
			if m, _ := read(data[:7*n]); m == nil || m.Graph == nil {
				t.Fatalf("the first %d bytes are read", 7*n)
			}
		}
	}
}

func TestReadRefusesImpossibleTensors(t *testing.T) {
	tensor := func(dims []int64, kind DataType, raw []byte) []byte {
		m := Model{Graph: &Graph{Initializers: []*Tensor{{Name: "w", Dims: dims, Type: kind, Raw: raw}}}}
		var b bytes.Buffer
		if err := m.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for want, data := range map[string][]byte{
		`tensor "w": shape [-1 4] has a negative dimension`:     tensor([]int64{-1, 4}, Float32, make([]byte, 4)),
		`shape [1152921504606846976] is larger than any file`:   tensor([]int64{1 << 60}, Float32, make([]byte, 4)),
		`shape [4294967296 4294967296] is larger than any file`: tensor([]int64{1 << 32, 1 << 32}, Bool, nil),
		`shape [3] needs 12 bytes, there are 4`:                 tensor([]int64{3}, Float32, make([]byte, 4)),
		`data type 8 is unknown`:                                tensor([]int64{1}, 8, make([]byte, 4)),
		`the file is empty`:                                     nil,
		`the model has no graph; is the file cut short?`:        {8, 8},
		`it is no ONNX file`:                                    []byte("this is a text and no model"),
		`the file is cut short or damaged`:                      append([]byte{8, 8}, protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), 9)...),
		`field 7 has wire type 0, want 2`:                       protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.VarintType), 9),
		`unexpected EOF`:                                        protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), 1<<40),
	} {
		if _, err := read(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := Read(bytes.NewReader(nil), 1<<60); err == nil {
		t.Error("a file that claims 2^60 bytes is read")
	}
}

// FuzzRead demands that whatever is read can be written and read again.
func FuzzRead(f *testing.F) {
	f.Add(exported(f, Options{Metadata: map[string]string{"labels": "[]"}}))
	f.Add([]byte{0x3a, 0x05, 0x2a, 0x03, 0x08, 0x01, 0x10})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := read(data)
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := m.Write(&first); err != nil {
			t.Fatal(err)
		}
		again, err := read(first.Bytes())
		if err != nil {
			t.Fatalf("written but not read: %v", err)
		}
		if err := again.Write(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("the second time it has other bytes: %v", err)
		}
	})
}

func TestWriteReportsWhatTheWriterSays(t *testing.T) {
	m := &Model{Graph: &Graph{Name: "g"}}
	if err := m.Write(brokenWriter{}); err == nil || !strings.Contains(err.Error(), io.ErrShortWrite.Error()) {
		t.Errorf("%v", err)
	}
	if err := (&Model{}).Write(io.Discard); err == nil {
		t.Error("a model without a graph is written")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
