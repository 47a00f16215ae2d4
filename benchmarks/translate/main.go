// Command translate trains the Transformer of pipelines/translate.yaml for run.py beside it, which lets PyTorch train the same one in
// turn. Its folder holds train.jsonl, validation.jsonl, test.jsonl and tokenizer.json, as that pipeline makes them.
//
//	translate prepare FOLDER            cut the texts into tokens; ids.json, orders.bin and first.safetensors are for both
//	translate train FOLDER              train, for as many seconds as the lines of standard input say; pipe.safetensors
//	translate decode FOLDER NAME BEAMS  translate the test with the weights NAME.safetensors; NAME.beamsN.json
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/tokenizer"
	"pipe/stages/transform"
)

const (
	source, target = 20, 20 // tokens of the longest texts
	batch          = 64
	warmUp         = 400 // updates
	seed           = 7
	epochs         = 400 // whose orders are drawn in advance
)

// settings are what both contestants are told; run.py writes them.
type settings struct {
	Layers  int     `json:"layers"`
	Dim     int     `json:"dim"`
	Heads   int     `json:"heads"`
	Dropout float64 `json:"dropout"`
	Rate    float32 `json:"rate"`
	Updates int     `json:"updates"` // 0: the schedule goes by Seconds
	Seconds float64 `json:"seconds"`
}

func main() {
	threads := flag.Int("threads", 2, "GOMAXPROCS")
	profile := flag.String("profile", "", "write a processor profile of the training here")
	flag.Parse()
	runtime.GOMAXPROCS(*threads)
	if err := run(flag.Args(), *profile); err != nil {
		fmt.Fprintln(os.Stderr, "translate:", err)
		os.Exit(1)
	}
}

func run(args []string, profile string) error {
	if len(args) < 2 {
		return errors.New("usage: translate prepare|train|decode FOLDER [NAME BEAMS]")
	}
	folder := args[1]
	var s settings
	if err := readJSON(filepath.Join(folder, "settings.json"), &s); err != nil {
		return err
	}
	switch {
	case args[0] == "prepare":
		return prepare(folder, s)
	case args[0] == "train":
		return train(folder, s, profile)
	case args[0] == "decode" && len(args) == 4:
		beams, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return decode(folder, s, args[2], beams)
	}
	return fmt.Errorf("unknown command %q", args)
}

// language reads the tokenizer of the folder.
func language(folder string) (transform.Language, error) {
	b, err := os.ReadFile(filepath.Join(folder, "tokenizer.json"))
	if err != nil {
		return nil, err
	}
	t, err := tokenizer.Parse(b)
	if err != nil {
		return nil, err
	}
	return transform.NewSubwords(transform.Tokens{}, t), nil
}

// network makes the Transformer, with the weights of a file where one is named.
func network(folder string, s settings, l transform.Language, weights string) (*nn.Network, error) {
	size := l.Signature().Tokens
	layer := &nn.Transformer{Source: source, Layers: s.Layers, Heads: s.Heads, Dim: s.Dim, Dropout: s.Dropout}
	n, err := nn.NewNetwork(nn.Input{Tokens: true, Shape: []int{source + target + 1}}, nn.Context{Vocab: size, Classes: size}, []nn.Layer{layer}, seed)
	if err != nil || weights == "" {
		return n, err
	}
	return n, nn.ReadFile(os.DirFS(folder), weights+".safetensors", n.ReadWeights)
}

func saveWeights(folder, name string, n *nn.Network) error {
	f, err := os.Create(filepath.Join(folder, name+".safetensors"))
	if err != nil {
		return err
	}
	return errors.Join(n.WriteWeights(f), f.Close())
}

// decode translates the texts of the test, with several hypotheses.
func decode(folder string, s settings, name string, beams int) error {
	var data ids
	if err := readJSON(filepath.Join(folder, "ids.json"), &data); err != nil {
		return err
	}
	l, err := language(folder)
	if err != nil {
		return err
	}
	n, err := network(folder, s, l, name)
	if err != nil {
		return err
	}
	m, err := model.NewTranslator(model.Training{}, model.History{}, "text", l, n)
	if err != nil {
		return err
	}
	var out []string
	err = m.Translate(context.Background(), data.Texts, beams, func(_ int, t model.Translated) error {
		out = append(out, t.Text)
		return nil
	})
	if err != nil {
		return err
	}
	return writeJSON(filepath.Join(folder, fmt.Sprintf("%s.beams%d.json", name, beams)), out)
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o666)
}
