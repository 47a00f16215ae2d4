package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// OpenHuggingFace reads a network from a folder in Hugging Face's layout:
// config.json says which of GPT-2, Llama and BERT it is and how large, and
// model.safetensors, or the parts that model.safetensors.index.json lists, hold the
// weights. Where modules.json says that sentences are to be embedded, as
// sentence-transformers' folders do, pooling and unit_norm follow. A setting that
// would change the numbers and has no equal here is refused by its name.
func OpenHuggingFace(folder fs.FS) (*Network, error) {
	n, err := describeHuggingFace(folder)
	if err != nil {
		return nil, err
	}
	arrays, err := readFolderWeights(folder)
	if err != nil {
		return nil, err
	}
	return n, n.FromHuggingFace(arrays)
}

// describeHuggingFace returns the network of a folder, its weights still to be read.
func describeHuggingFace(folder fs.FS) (*Network, error) {
	var c publishedConfig
	if err := readJSON(folder, "config.json", &c); err != nil {
		return nil, err
	}
	l, positions, err := c.layer()
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	stack := []Layer{l}
	if _, sentences := fs.Stat(folder, "modules.json"); sentences == nil {
		rest, limit, err := sentenceLayers(folder)
		if err != nil {
			return nil, err
		}
		stack = append(stack, rest...)
		if limit > 0 {
			positions = min(positions, limit)
		}
	}
	n, err := build(Input{Tokens: true, Shape: []int{positions}}, Context{Vocab: c.Vocab}, stack, nil)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return n, nil
}

// publishedConfig is what Hugging Face's config.json says of the three architectures,
// each with names of its own for the same sizes.
type publishedConfig struct {
	Type          string   `json:"model_type"`
	Architectures []string `json:"architectures"`
	Vocab         int      `json:"vocab_size"`

	Layers int `json:"n_layer"` // GPT-2
	Heads  int `json:"n_head"`
	Dim    int `json:"n_embd"`
	Places int `json:"n_positions"`
	Inner  int `json:"n_inner"`

	HiddenLayers int `json:"num_hidden_layers"` // BERT and Llama
	HiddenHeads  int `json:"num_attention_heads"`
	KVHeads      int `json:"num_key_value_heads"`
	HeadDim      int `json:"head_dim"`
	HiddenSize   int `json:"hidden_size"`
	Intermediate int `json:"intermediate_size"`
	MaxPlaces    int `json:"max_position_embeddings"`

	Tied         *bool    `json:"tie_word_embeddings"`
	Activation   string   `json:"activation_function"`
	HiddenAct    string   `json:"hidden_act"`
	PositionType string   `json:"position_embedding_type"`
	EpsilonGPT   *float64 `json:"layer_norm_epsilon"`
	EpsilonBERT  *float64 `json:"layer_norm_eps"`
	EpsilonLlama *float64 `json:"rms_norm_eps"`
	RopeBase     float64  `json:"rope_theta"`
	RopeScaling  any      `json:"rope_scaling"`
	Rope         *struct {
		Base float64 `json:"rope_theta"`
		Type string  `json:"rope_type"`
	} `json:"rope_parameters"` // where newer files have what the two before say

	AttentionBias bool  `json:"attention_bias"`
	MLPBias       bool  `json:"mlp_bias"`
	ScaleWeights  *bool `json:"scale_attn_weights"`
	ScaleByLayer  bool  `json:"scale_attn_by_inverse_layer_idx"`
	IsDecoder     bool  `json:"is_decoder"`
}

// layer returns the architecture and how many positions it knows.
func (c *publishedConfig) layer() (l Layer, positions int, err error) {
	switch c.Type {
	case "gpt2":
		positions = c.Places
		l, err = c.gpt()
	case "llama":
		positions = c.MaxPlaces
		l, err = c.llama()
	case "bert":
		positions = c.MaxPlaces
		l, err = c.bert()
	default:
		return nil, 0, fmt.Errorf("model_type is %q; gpt2, llama and bert can be read", c.Type)
	}
	if err == nil && positions < 1 {
		err = errors.New("the number of positions is missing")
	}
	return l, positions, err
}

// equals says that a setting is not the one that is computed here.
func equals[T comparable](name string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v; only %v can be computed", name, got, want)
	}
	return nil
}

// given returns *v, or what a missing setting means.
func given[T any](v *T, missing T) T {
	if v == nil {
		return missing
	}
	return *v
}

func (c *publishedConfig) gpt() (Layer, error) {
	if c.Activation != "gelu_pytorch_tanh" && c.Activation != "" {
		if err := equals("activation_function", c.Activation, "gelu_new"); err != nil {
			return nil, err
		}
	}
	inner := c.Inner
	if inner == 0 {
		inner = 4 * c.Dim
	}
	return &GPT{Layers: c.Layers, Heads: c.Heads, Dim: c.Dim, Positions: c.Places}, errors.Join(
		equals("n_inner", inner, 4*c.Dim),
		equals("layer_norm_epsilon", given(c.EpsilonGPT, 1e-5), 1e-5),
		equals("scale_attn_weights", given(c.ScaleWeights, true), true),
		equals("scale_attn_by_inverse_layer_idx", c.ScaleByLayer, false),
		equals("tie_word_embeddings", given(c.Tied, true), true))
}

func (c *publishedConfig) llama() (Layer, error) {
	base, kind := c.RopeBase, "default"
	if c.Rope != nil {
		base = c.Rope.Base
		if c.Rope.Type != "" {
			kind = c.Rope.Type
		}
	}
	if base == 0 {
		base = 10000
	}
	dim := c.HeadDim
	if dim == 0 && c.HiddenHeads > 0 {
		dim = c.HiddenSize / c.HiddenHeads
	}
	l := &Llama{Layers: c.HiddenLayers, Heads: c.HiddenHeads, KVHeads: c.KVHeads, Dim: c.HiddenSize, Hidden: c.Intermediate,
		RopeBase: base, Epsilon: float32(given(c.EpsilonLlama, 1e-6)), Tied: given(c.Tied, false)}
	return l, errors.Join(
		equals("hidden_act", c.HiddenAct, "silu"),
		equals("head_dim", dim*c.HiddenHeads, c.HiddenSize),
		equals[any]("rope_scaling", c.RopeScaling, nil),
		equals("rope_type", kind, "default"),
		equals("attention_bias", c.AttentionBias, false),
		equals("mlp_bias", c.MLPBias, false))
}

func (c *publishedConfig) bert() (Layer, error) {
	l := &BERT{Layers: c.HiddenLayers, Heads: c.HiddenHeads, Dim: c.HiddenSize, Hidden: c.Intermediate, Positions: c.MaxPlaces}
	position := c.PositionType
	if position == "" {
		position = "absolute"
	}
	return l, errors.Join(
		equals("hidden_act", c.HiddenAct, "gelu"),
		equals("layer_norm_eps", given(c.EpsilonBERT, 1e-12), 1e-12),
		equals("position_embedding_type", position, "absolute"),
		equals("is_decoder", c.IsDecoder, false))
}

// sentenceLayers returns what follows the encoder in a folder of
// sentence-transformers, and how many tokens are read at most, 0 where it does not
// say.
func sentenceLayers(folder fs.FS) (stack []Layer, limit int, err error) {
	var modules []struct{ Path, Type string }
	if err := readJSON(folder, "modules.json", &modules); err != nil {
		return nil, 0, err
	}
	for i, m := range modules {
		switch kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]; {
		case i == 0 && kind == "Transformer":
		case kind == "Pooling":
			l, err := pooling(folder, path.Join(m.Path, "config.json"))
			if err != nil {
				return nil, 0, err
			}
			stack = append(stack, l)
		case kind == "Normalize":
			stack = append(stack, &UnitNorm{})
		default:
			return nil, 0, fmt.Errorf("modules.json: %q cannot be computed", m.Type)
		}
	}
	var s struct {
		Length int `json:"max_seq_length"`
	}
	if err := readJSON(folder, "sentence_bert_config.json", &s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	return stack, s.Length, nil
}

// pooling reads which pooling is asked for: one of the modes that are true.
func pooling(folder fs.FS, name string) (Layer, error) {
	var settings map[string]any
	if err := readJSON(folder, name, &settings); err != nil {
		return nil, err
	}
	modes := []string{}
	if mode, ok := settings["pooling_mode"].(string); ok { // newer files
		modes = append(modes, mode)
	}
	for key, v := range settings {
		if mode, ok := strings.CutPrefix(key, "pooling_mode_"); ok && v == true {
			modes = append(modes, strings.TrimSuffix(mode, "_tokens"))
		}
	}
	slices.Sort(modes)
	switch strings.Join(modes, ", ") {
	case "mean":
		return &GlobalAvgPool{}, nil
	case "max":
		return &GlobalMaxPool{}, nil
	}
	return nil, fmt.Errorf("%s: pooling by %q; mean or max can be computed", name, modes)
}

func readJSON(folder fs.FS, name string, v any) error {
	data, err := fs.ReadFile(folder, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readFolderWeights reads one file, or the parts that an index names.
func readFolderWeights(folder fs.FS) ([]Array, error) {
	const whole, index = "model.safetensors", "model.safetensors.index.json"
	if _, err := fs.Stat(folder, whole); err == nil {
		return readWeightsFile(folder, whole)
	}
	var parts struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := readJSON(folder, index, &parts); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("neither %s nor %s is there; other formats of weights cannot be read", whole, index)
	} else if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, name := range parts.Map {
		names[name] = true
	}
	var files []string
	for name := range names {
		if !fs.ValidPath(name) || path.Base(name) != name {
			return nil, fmt.Errorf("%s: %q is not a file of the folder", index, name)
		}
		files = append(files, name)
	}
	slices.Sort(files)
	var all []Array
	for _, name := range files {
		arrays, err := readWeightsFile(folder, name)
		if err != nil {
			return nil, err
		}
		all = append(all, arrays...)
	}
	return all, nil
}

func readWeightsFile(folder fs.FS, name string) (arrays []Array, err error) {
	err = ReadFile(folder, name, func(r io.Reader, size int64) error {
		arrays, _, err = readSafetensors(r, size, true)
		return err
	})
	return arrays, err
}
