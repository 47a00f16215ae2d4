package nn

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzParseNetwork demands that whatever is read can be written and read again,
// and that nothing that is read makes the process allocate what it claims.
func FuzzParseNetwork(f *testing.F) {
	good, err := json.Marshal(countingNetwork(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"pipe.network/1","input":{"shape":[8,8,3]},"context":{"classes":4},"layers":[{"conv2d":{"filters":2,"kernel_size":[3],"padding":"same"}},{"max_pool":{}},{"residual":{"layers":[{"batch_norm":{}}]}},{"flatten":{}},{"dense":{"units":"classes"}}]}`))
	f.Add([]byte(`{"format":"pipe.network/1","input":{"tokens":true,"shape":[5]},"context":{"vocab":7},"layers":[{"branches":{"branches":[[{"embedding":{"dim":3}}],[{"embedding":{"dim":2}},{"gru":{"units":2,"return_sequences":true}}]]}},{"transformer_block":{"heads":1}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := ParseNetwork(data)
		if err != nil {
			return
		}
		first, err := json.Marshal(n)
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := ParseNetwork(first)
		if err != nil {
			t.Fatalf("written but not read: %v\n%s", err, first)
		}
		second, err := json.Marshal(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("the second time it is\n%s\nand not\n%s\n%v", second, first, err)
		}
	})
}

// Layers inside layers are spelled as others are: one number for a window.
func TestNestedLayersTakeOneNumber(t *testing.T) {
	n, err := ParseNetwork([]byte(`{"format":"pipe.network/1","input":{"tokens":true,"shape":[5]},"context":{"vocab":7},"layers":[{"embedding":{"dim":3}},
		{"branches":{"branches":[[{"conv1d":{"filters":2,"kernel_size": 3}},{"global_max_pool":{}}],[{"conv1d":{"filters":4,"kernel_size":[2]}},{"global_max_pool":{}}]]}}]}`))
	if err != nil || n.OutShape().Last() != 6 {
		t.Fatal(n, err)
	}
}
