package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/registry"
	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/nn/onnx"
	"pipe/stages/score"
	"pipe/workspace"
)

// modelFormats are the forms in which a model leaves the store.
var modelFormats = map[string]func(ctx context.Context, w *workspace.Workspace, name, dir string) error{
	"onnx":        exportONNX,
	"safetensors": exportSafetensors,
	"docker":      exportDocker,
	"systemd":     exportSystemd,
}

func (a *app) modelsExportCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "export MODEL FOLDER",
		Short: "Write a registered model for other programs: ONNX, or safetensors with its network",
		Long: `Export writes a model, named as NAME@ALIAS, NAME/VERSION or NAME (the newest
version), into a new folder.

onnx writes model.onnx (operator set 17, or that of a graph from elsewhere which
is computed as it is), whose input is what the transform makes of the raw columns;
signature.json, which says what goes in and what comes out, with the classes in
the order of the output; and transform/, with the vocabulary.
safetensors writes the folder of the model: weights.safetensors, network.json,
model.json, history.json and transform/. The weights have PyTorch's names and layout,
those of an nn.Sequential whose modules have the numbers of the layers: "1.weight_ih_l0"
of a recurrent layer, kernels of convolutions as (filters, channels, height, width), and
behind a flatten the columns that PyTorch's has, channels first. So load_state_dict takes
those of dense layers, embeddings, convolutions, norms, recurrent layers and attention
with as many key heads as heads. What PyTorch has no module for has names of its own:
transformer_block (attention, norm1, norm2, up, down), attention with kv_heads or head_dim
(q, k and v of their sizes one behind the other in in_proj_weight), learned initial
states (h0, c0), residual, branches, positional_encoding and seq2seq. model.weights with
the layers of network.json takes all of them, bit for bit. Language models
that are a gpt or a llama, and encoders that are a bert, are written in Hugging Face's
names in place of that: config.json, model.safetensors, tokenizer.json and
tokenizer_config.json, which transformers reads (from_pretrained), and model.huggingface.
docker and systemd write a folder from which the model answers on another machine:
this program, a workspace with that one version, and a Dockerfile or a unit file
that lets the service see nothing else.`,
		Example: `  pipe models export textclass@champion exported --format onnx`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			export, ok := modelFormats[format]
			if !ok {
				return usageError{fmt.Errorf("--format is onnx, safetensors, docker or systemd, not %q", format)}
			}
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			files, err := newFolder(args[1], func(dir string) error { return export(cmd.Context(), w, args[0], dir) })
			if err != nil {
				return err
			}
			if asJSON, err := cmd.Flags().GetBool("json"); err != nil || asJSON {
				return errors.Join(err, writeJSON(cmd.OutOrStdout(), map[string]any{"folder": args[1], "files": files}))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[1], strings.Join(files, ", "))
			return err
		},
	}
	c.Flags().StringVarP(&format, "format", "f", "onnx", "onnx, safetensors, docker or systemd")
	return c
}

// newFolder makes a folder that is not there yet, whole or not at all, and
// returns the sorted names of the files that fill put into it.
func newFolder(path string, fill func(dir string) error) (files []string, err error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return nil, fmt.Errorf("%s is there already", path)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return nil, err
	}
	unfinished, err := os.MkdirTemp(parent, ".unfinished-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(unfinished)
	draft := filepath.Join(unfinished, "model") // with the permissions that folders have here
	if err := os.Mkdir(draft, 0o777); err != nil {
		return nil, err
	}
	if err := fill(draft); err != nil {
		return nil, err
	}
	err = fs.WalkDir(os.DirFS(draft), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	return files, os.Rename(draft, path)
}

// openModel returns a registered model of any family with the folder it lies in.
func openModel(ctx context.Context, w *workspace.Workspace, name string) (model.Served, *artifacts.Folder, registry.ModelVersion, error) {
	m, v, err := w.ServedModel(ctx, name)
	if err != nil {
		return nil, nil, v, err
	}
	folder, err := w.Store.OpenFolder(v.Ref)
	return m, folder, v, err
}

func exportSafetensors(ctx context.Context, w *workspace.Workspace, name, dir string) error {
	m, folder, _, err := openModel(ctx, w, name) // which also checks that the parts fit
	if err != nil {
		return err
	}
	if err := folder.Extract(dir); err != nil {
		return err
	}
	if l, ok := m.(oneNetwork); ok && l.Network().Published() {
		if err := publishHuggingFace(dir, m, l.Network()); err != nil {
			return err
		}
	}
	return publishWeights(dir)
}

// oneNetwork is a model with a single network.
type oneNetwork interface {
	model.Served
	Network() *nn.Network
}

// publishHuggingFace writes, in place of the weights, the files that transformers reads.
func publishHuggingFace(dir string, m model.Served, n *nn.Network) error {
	if model.LeavesOutWords(m) {
		return errors.New("its text.vectorize leaves out the words that it does not know, which Hugging Face's tokenizers cannot do: train it with an oov_token, or export with --format onnx")
	}
	if err := os.Remove(filepath.Join(dir, nn.WeightsFile)); err != nil {
		return err
	}
	further, words := map[string]any{}, map[string]any{"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": n.Input.Shape[0]}
	if l, ok := m.(*model.LanguageModel); ok {
		for name, ids := range map[string][]int32{"bos": l.Language().Begin(), "eos": l.Language().Ends()} {
			if len(ids) > 0 {
				further[name+"_token_id"], words[name+"_token"] = ids[0], l.Language().Token(ids[0])
			}
		}
	}
	create := func(name string) (io.WriteCloser, error) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		return os.Create(path)
	}
	if err := n.WriteHuggingFace(create, further); err != nil {
		return err
	}
	tokenizer, err := os.ReadFile(filepath.Join(dir, "transform", "tokenizer.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the tokens are no words of a text
	} else if err != nil {
		return err
	}
	if _, encoder := m.(*model.Encoder); encoder {
		for name, word := range map[string]string{"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"} {
			if strings.Contains(string(tokenizer), strconv.Quote(word)) {
				words[name+"_token"] = word
			}
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "tokenizer.json"), tokenizer, 0o666), nn.WriteJSON(create, "tokenizer_config.json", words))
}

// publishWeights writes the weights of all networks below a folder anew in PyTorch's
// names and layout.
func publishWeights(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != nn.WeightsFile {
			return err
		}
		n, err := nn.Load(os.DirFS(filepath.Dir(path)))
		if err != nil {
			return err
		}
		if err := os.Remove(path); err != nil { // which may be a link into the store
			return err
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		return errors.Join(n.WritePyTorch(f), f.Close())
	})
}

// exportedModel is signature.json beside a model.onnx.
type exportedModel struct {
	Format  string        `json:"format"` // "pipe.onnx/1"
	Model   string        `json:"model"`
	Version int           `json:"version"`
	Task    string        `json:"task"`
	Target  dag.Column    `json:"target"`
	Classes []string      `json:"classes,omitempty"`
	Input   tensorNote    `json:"input"`
	Output  tensorNote    `json:"output"`
	Columns dag.Signature `json:"columns"` // what the transform reads and what predict gives
}

// tensorNote describes the input or the output of a graph.
type tensorNote struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Shape nn.Shape `json:"shape"` // -1 for the batch
	Holds string   `json:"holds"`
}

func exportONNX(ctx context.Context, w *workspace.Workspace, name, dir string) error {
	served, folder, v, err := openModel(ctx, w, name)
	if err != nil {
		return err
	}
	var m oneNetwork
	switch served := served.(type) {
	case *model.Model, *model.LanguageModel, *model.Encoder:
		m = served.(oneNetwork)
	default:
		return fmt.Errorf("%s version %d is a model for %s, which one ONNX graph cannot say; --format safetensors writes its networks", v.Model, v.Version, served.Signature().Task)
	}
	manifest, err := model.ReadManifest(folder)
	if err != nil {
		return err
	}
	note := noteOf(m.Network(), manifest)
	note.Model, note.Version = v.Model, v.Version
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "signature.json"), append(text, '\n'), 0o666); err != nil {
		return err
	}
	transform, err := fs.Sub(folder, "transform")
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "transform"), transform); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	o := onnx.Options{Name: v.Model, Metadata: map[string]string{
		"pipe.model": fmt.Sprintf("%s/%d", v.Model, v.Version), "pipe.digest": string(v.Ref.Digest), "pipe.signature": string(text)}}
	return errors.Join(onnx.Export(f, m.Network(), o), f.Close())
}

// noteOf says what goes into a network and what comes out of it.
func noteOf(net *nn.Network, m *model.Manifest) exportedModel {
	batch := nn.Shape{nn.Unknown}
	note := exportedModel{Format: "pipe.onnx/1", Task: m.Task, Target: m.Target, Classes: m.Classes, Columns: m.Signature,
		Input:  tensorNote{onnx.FeaturesInput, "float32", append(batch, net.Input.Shape...), "what the transform gives"},
		Output: tensorNote{onnx.Output, "float32", net.OutShape(), "a value"}}
	if net.Input.Tokens {
		note.Input.Name, note.Input.Type = onnx.TokensInput, "int64"
	}
	switch m.Task {
	case model.GenerationTask:
		note.Output.Holds = "the probability of each token to be the next, at each position"
	case model.EmbeddingTask:
		note.Output.Holds = "the vector of the text"
	case score.Classification:
		holds := "a probability for each class"
		if m.Logits {
			holds = "a logit for each class, before the softmax"
		}
		if net.OutShape().Last() == 1 {
			holds = "the probability of the second class"
			if m.Logits {
				holds = "the logit of the second class, before the sigmoid"
			}
		}
		note.Output.Holds = holds
	}
	return note
}
