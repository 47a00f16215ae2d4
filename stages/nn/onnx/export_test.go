package onnx

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pipe/stages/nn"
)

const (
	text    = `{"tokens":true,"shape":[7]}`
	numbers = `{"shape":[6]}`
	steps   = `{"shape":[7,6]}`
	image   = `{"shape":[11,9,4]}`
	photo   = `{"shape":[40,40,3]}`
	masked  = `{"embedding":{"dim":6,"mask_zero":true}},`
)

type networkCase struct{ name, input, layers string }

// cases are networks in which every kind of layer appears with every setting that
// changes its translation.
var cases = []networkCase{
	{"dense", numbers, `{"dense":{"units":5,"activation":"gelu"}},{"dense":{"units":3,"use_bias":false}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"embedding", text, `{"embedding":{"dim":3}}`},
	{"dropout", numbers, `{"dropout":{"rate":0.5}}`},
	{"reshape", image, `{"conv2d":{"filters":2,"kernel_size":[3]}},{"reshape":{"shape":[-1,6]}},{"lstm":{"units":3}}`},
	{"flatten", image, `{"conv2d":{"filters":2,"kernel_size":[3]}},{"flatten":{}}`},
	{"positions", steps, `{"positional_encoding":{}},{"positional_encoding":{"encoding":"learned","positions":9}}`},
	{"batch_norm", image, `{"batch_norm":{}},{"activation":{"function":"relu"}},{"batch_norm":{"center":false,"scale":false}}`},
	{"batch_norm_flat", numbers, `{"batch_norm":{}}`},
	{"norms", steps, `{"layer_norm":{}},{"rms_norm":{}}`},
	{"unit_norm", text, masked + `{"global_avg_pool":{}},{"unit_norm":{}}`},
	{"lstm", steps, `{"lstm":{"units":5}}`},
	{"lstm_all", text, masked + `{"lstm":{"units":5,"bidirectional":true,"return_sequences":true}},{"lstm":{"units":3,"bidirectional":true,"use_bias":false}}`},
	{"lstm_states", text, masked + `{"lstm":{"units":5,"return_sequences":true}},{"layer_norm":{}}`},
	{"lstm_learned", steps, `{"lstm":{"units":5,"bidirectional":true,"initial_state":"learned"}}`},
	{"lstm_given", text, masked + `{"lstm":{"units":5,"bidirectional":true,"return_sequences":true,"initial_state":"given"}},{"lstm":{"units":3,"initial_state":"learned"}}`},
	{"gru_learned", text, masked + `{"gru":{"units":5,"bidirectional":true,"return_sequences":true,"initial_state":"learned"}},{"layer_norm":{}}`},
	{"simple_rnn_learned", steps, `{"simple_rnn":{"units":5,"return_sequences":true,"initial_state":"learned"}}`},
	{"gru", steps, `{"gru":{"units":5,"return_sequences":true,"bidirectional":true}}`},
	{"gru_all", text, masked + `{"gru":{"units":5,"bidirectional":true,"return_sequences":true}},{"gru":{"units":3,"use_bias":false}}`},
	{"rnn", text, masked + `{"simple_rnn":{"units":5,"bidirectional":true,"return_sequences":true}},{"simple_rnn":{"units":3,"activation":"sigmoid","return_sequences":true}},{"simple_rnn":{"units":3,"activation":"relu","return_sequences":true}},{"simple_rnn":{"units":3,"activation":"linear","bidirectional":true}}`},
	{"rnn_plain", steps, `{"simple_rnn":{"units":5,"bidirectional":true}}`},
	{"conv1d", steps, `{"conv1d":{"filters":4,"kernel_size":[3],"padding":"causal","dilation_rate":[2]}},{"conv1d":{"filters":6,"kernel_size":[2],"strides":[2],"padding":"same","groups":2,"activation":"gelu"}},{"conv1d":{"filters":3,"kernel_size":[2],"use_bias":false}}`},
	{"conv2d", image, `{"conv2d":{"filters":8,"kernel_size":[3,2],"strides":[2,1],"padding":"same","groups":4,"activation":"relu"}},{"conv2d":{"filters":6,"kernel_size":[2],"dilation_rate":[2,1],"padding":"1","activation":"softmax"}}`},
	{"max_pool", image, `{"max_pool":{"pool_size":[3],"strides":[2],"padding":"1"}},{"max_pool":{"pool_size":[2,3],"padding":"same"}}`},
	{"max_pool_time", steps, `{"max_pool":{"pool_size":[3],"strides":[1],"padding":"causal"}},{"max_pool":{}}`},
	{"avg_pool", image, `{"avg_pool":{"pool_size":[3],"strides":[2],"padding":"same"}},{"avg_pool":{"pool_size":[3],"strides":[2],"padding":"1"}}`},
	{"avg_pool_time", steps, `{"avg_pool":{"padding":"same"}},{"avg_pool":{}}`},
	{"global_max", text, masked + `{"global_max_pool":{}}`},
	{"global_max_image", image, `{"global_max_pool":{}}`},
	{"global_avg", text, masked + `{"global_avg_pool":{}}`},
	{"global_avg_image", image, `{"conv2d":{"filters":3,"kernel_size":[3]}},{"global_avg_pool":{}}`},
	{"attention", steps, `{"multi_head_attention":{"heads":4,"kv_heads":2,"head_dim":4,"rope":true}},{"multi_head_attention":{"heads":3,"causal":true,"use_bias":false}}`},
	{"attention_masked", text, masked + `{"multi_head_attention":{"heads":2}},{"multi_head_attention":{"heads":2,"kv_heads":1,"causal":true}},{"global_avg_pool":{}}`},
	{"block", text, masked + `{"transformer_block":{"heads":2}},{"transformer_block":{"heads":2,"norm_first":false,"activation":"relu","hidden":5}},{"transformer_block":{"heads":2,"norm":"rms","activation":"swiglu","use_bias":false,"causal":true}},{"transformer_block":{"heads":1,"activation":"silu","rope":true}},{"transformer_block":{"heads":1,"activation":"gelu_tanh"}}`},
	{"residual", image, `{"residual":{"layers":[{"conv2d":{"filters":6,"kernel_size":[3],"padding":"same"}},{"batch_norm":{}}],"shortcut":[{"conv2d":{"filters":6,"kernel_size":[1]}}],"activation":"relu"}},{"residual":{"layers":[{"dense":{"units":6}}]}}`},
	{"branches", text, `{"branches":{"branches":[[{"embedding":{"dim":3,"mask_zero":true}}],[{"embedding":{"dim":2}},{"gru":{"units":2,"return_sequences":true}}]]}},{"global_avg_pool":{}}`},
	{"branches_image", image, `{"branches":{"branches":[[{"conv2d":{"filters":3,"kernel_size":[1]}}],[{"conv2d":{"filters":2,"kernel_size":[3],"padding":"same"}},{"dense":{"units":4}}]]}}`},
	{"gpt", text, `{"gpt":{"layers":2,"heads":2,"dim":8,"positions":9}}`},
	{"llama", text, `{"llama":{"layers":2,"heads":4,"kv_heads":2,"dim":8,"hidden":12}}`},
	{"llama_untied", text, `{"llama":{"layers":1,"heads":2,"dim":8,"tied":false}}`},
	{"bert", text, `{"bert":{"layers":2,"heads":2,"dim":8,"positions":9}},{"global_avg_pool":{}}`},
	{"transformer", text, `{"transformer":{"source":4,"layers":2,"heads":2,"dim":8,"hidden":12}}`},
	{"seq2seq", text, `{"seq2seq":{"source":4,"layers":2,"heads":2,"dim":8,"bidirectional":true}}`},
	{"seq2seq_states", text, `{"seq2seq":{"source":4,"layers":2,"dim":8,"attention":false}}`},
	{"seq2seq_gru", text, `{"seq2seq":{"source":4,"dim":8,"cell":"gru"}}`},
	{"seq2seq_rnn", text, `{"seq2seq":{"source":4,"layers":2,"dim":8,"cell":"simple_rnn","bidirectional":true,"attention":false}}`},
	{"resnet18", photo, `{"resnet18":{"width":4}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"resnet20", photo, `{"resnet20":{"width":4}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"resnet34", photo, `{"resnet34":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"resnet50", photo, `{"resnet50":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"squeezenet with its classifier", photo, `{"squeezenet":{"width":2,"pool":false}},{"conv2d":{"filters":3,"kernel_size":[1],"activation":"relu"}},{"global_avg_pool":{}},{"activation":{"function":"softmax"}}`},
	{"squeezenet", photo, `{"squeezenet":{"width":2}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"classifier_lstm", text, `{"embedding":{"dim":16,"mask_zero":true}},{"dropout":{"rate":0.3}},{"lstm":{"units":24,"return_sequences":true}},{"lstm":{"units":16}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"classifier_gru", text, `{"embedding":{"dim":16,"mask_zero":true}},{"gru":{"units":24,"bidirectional":true,"return_sequences":true}},{"global_max_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"classifier_cnn", image, `{"conv2d":{"filters":8,"kernel_size":[3],"activation":"relu"}},{"max_pool":{}},{"conv2d":{"filters":16,"kernel_size":[3],"padding":"same","activation":"relu"}},{"max_pool":{}},{"flatten":{}},{"dense":{"units":12,"activation":"relu"}},{"dense":{"units":"classes","activation":"softmax"}}`},
	{"classifier_transformer", text, `{"embedding":{"dim":16,"mask_zero":true}},{"positional_encoding":{}},{"transformer_block":{"heads":4,"hidden":32}},{"transformer_block":{"heads":4,"hidden":32}},{"layer_norm":{}},{"global_avg_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}`},
}

// allCases are the cases and one for each activation.
func allCases() []networkCase {
	all := slices.Clone(cases)
	field, _ := reflect.TypeFor[nn.ActivationLayer]().FieldByName("Function")
	for _, a := range strings.Split(field.Tag.Get("enum"), ",") {
		all = append(all, networkCase{"activation_" + a, steps, `{"activation":{"function":"` + a + `"}}`})
	}
	return all
}

// unexported are the kinds without an ONNX form, with the reason.
var unexported = map[string]string{}

func TestEveryKindOfLayerIsExported(t *testing.T) {
	covered := maps.Clone(unexported)
	for _, c := range allCases() {
		var kinds []map[string]json.RawMessage
		if err := json.Unmarshal([]byte("["+c.layers+"]"), &kinds); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, k := range kinds {
			for kind := range k {
				covered[kind] = c.name
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(covered)), nn.LayerKinds(); !slices.Equal(got, want) {
		t.Errorf("covered are %v, registered are %v", got, want)
	}
}

// TestOutputsEqualThoseOfOnnxruntime compares the outputs of all cases; the model
// checker of ONNX must accept each file. A wrong form of gelu differs by 1e-4.
func TestOutputsEqualThoseOfOnnxruntime(t *testing.T) {
	var examples []*example
	for _, c := range allCases() {
		examples = append(examples, newExample(t, c.name, c.input, c.layers))
	}
	outs := runInRuntime(t, examples)
	for _, e := range examples {
		d := distance(e.out, outs[e.name])
		t.Logf("%-24s %.1e", e.name, d)
		if d > 1e-5 {
			t.Errorf("%s: outputs differ by %g", e.name, d)
		}
	}
}

func TestConvolutionsAreTransposedOnce(t *testing.T) {
	e := newExample(t, "cnn", photo, `{"resnet18":{"width":2}}`)
	m, err := NewModel(e.net, Options{})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, n := range m.Graph.Nodes {
		if n.Op == "Transpose" {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d nodes transpose, want 1 at the input", count)
	}
}

func TestExportNamesTheLayer(t *testing.T) {
	net := newExample(t, "x", steps, `{"dropout":{}},{"max_pool":{"pool_size":[2],"padding":"3"}}`).net
	_, err := NewModel(net, Options{})
	if err == nil || !strings.Contains(err.Error(), "layer 2 (max_pool) has windows that lie wholly in the padding") {
		t.Errorf("%v", err)
	}
	net, err = nn.ParseNetwork([]byte(`{"format":"pipe.network/1","input":{"shape":[3]},"context":{},"layers":[{"dense":{"units":2}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewModel(net, Options{}); err == nil || !strings.Contains(err.Error(), `no weights yet: "0.weight"`) {
		t.Errorf("%v", err)
	}
}
