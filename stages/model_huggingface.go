package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/tokenizer"
	"pipe/stages/transform"
)

var modelHuggingFaceKind = dag.Info{
	Name:    "model.huggingface",
	Version: 1,
	Doc: "Makes a model of a published folder in Hugging Face's layout: config.json, model.safetensors (or its parts) and tokenizer.json. GPT-2 and Llama become language models, " +
		"for generate, lm.evaluate and lm.train; BERT and folders of sentence-transformers become encoders, for nn.train and answers.fit.",
	Example: `encoder: { uses: model.huggingface, with: { path: all-MiniLM-L6-v2, column: text } }`,
	New:     func() dag.Kind { return &ModelHuggingFace{} },
}

// ModelHuggingFace is the kind model.huggingface.
type ModelHuggingFace struct {
	Path   dag.Path `yaml:"path" doc:"the folder" required:"true" example:"all-MiniLM-L6-v2"`
	Column string   `yaml:"column" doc:"the column of text that an encoder reads" default:"text"`
	MaxLen int      `yaml:"maxlen" doc:"tokens that are read at most; 0 for as many as the folder says" default:"0" min:"0"`
}

// Ports implements dag.Kind.
func (k *ModelHuggingFace) Ports() (in, out []dag.Port) {
	return nil, []dag.Port{{Name: dag.Out, Type: artifacts.Model, Doc: "a language model or an encoder"}}
}

// Check implements dag.Kind: it reads config.json.
func (k *ModelHuggingFace) Check(c *dag.Check) {
	b, err := os.ReadFile(filepath.Join(string(k.Path), "config.json"))
	switch {
	case os.IsNotExist(err):
		c.Hintf("missing-file", "path", nearFiles(string(k.Path)), "there is no folder %q with a config.json", string(k.Path))
		return
	case err != nil:
		c.Errorf("path", "%v", err)
		return
	}
	var config struct {
		Type string `json:"model_type"`
		Dim  int    `json:"hidden_size"`
	}
	if err := json.Unmarshal(b, &config); err != nil {
		c.Errorf("path", "%s: %v", filepath.Join(string(k.Path), "config.json"), err)
		return
	}
	s := model.GenerationSignature()
	if config.Type == "bert" {
		s = model.EmbeddingSignature(k.Column, config.Dim)
	}
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Model, Signature: &s}
}

// Run implements dag.Kind.
func (k *ModelHuggingFace) Run(ctx context.Context, env *dag.Env) error {
	folder := os.DirFS(string(k.Path))
	network, err := nn.OpenHuggingFace(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", k.Path, err)
	}
	b, err := os.ReadFile(filepath.Join(string(k.Path), "tokenizer.json"))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s has no tokenizer.json; save the tokenizer there in the fast form (transformers: AutoTokenizer.from_pretrained(…, use_fast=True).save_pretrained)", k.Path)
	}
	if err != nil {
		return err
	}
	t, err := tokenizer.Parse(b)
	if err != nil {
		return fmt.Errorf("%s: %w", k.Path, err)
	}
	length := network.Input.Shape[0]
	if k.MaxLen > 0 {
		length = min(length, k.MaxLen)
	}
	if network, err = k.resized(network, length); err != nil {
		return err
	}
	subwords := transform.NewSubwords(transform.Tokens{Column: k.Column, MaxLen: length, Special: true, Nulls: "error"}, t)
	parameters := 0
	for _, l := range network.Summary() {
		parameters += l.Params
	}
	env.Logf("%s; %d parameters; reads %d tokens", t.Describe(), parameters, length)
	env.Metric("parameters", float64(parameters), 0)
	draft, err := env.CreateFolder(dag.Out, artifacts.Model)
	if err != nil {
		return err
	}
	if _, bert := network.Layers[0].(*nn.BERT); !bert {
		m, err := model.NewLanguageModel(model.Training{}, model.History{}, subwords, network)
		if err != nil {
			return err
		}
		return m.Save(draft)
	}
	e, err := model.NewEncoder(model.Training{}, model.History{}, subwords, network)
	if err != nil {
		return err
	}
	return e.Save(draft)
}

// resized gives the network with another length, and an encoder that gives a vector
// for each token, the mean of them.
func (k *ModelHuggingFace) resized(n *nn.Network, length int) (*nn.Network, error) {
	var further []nn.Layer
	if _, bert := n.Layers[0].(*nn.BERT); bert && len(n.OutShape()) == 3 {
		further = []nn.Layer{&nn.GlobalAvgPool{}, &nn.UnitNorm{}}
	} else if length == n.Input.Shape[0] {
		return n, nil
	}
	return n.Extended(nn.Input{Tokens: true, Shape: []int{length}}, n.Context, len(n.Layers), further, 0)
}
