package model

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"pipe/dag"
	"pipe/stages/nn"
	"pipe/stages/score"
)

// Folders that no training wrote must give an error that says what is wrong.
func TestLoadRefuses(t *testing.T) {
	replace := func(name, old, new string) func(f folder) {
		return func(f folder) {
			before := string(f[name].Data)
			after := strings.Replace(before, old, new, 1)
			if before == after {
				t.Fatalf("%s has no %q", name, old)
			}
			f[name] = &fstest.MapFile{Data: []byte(after)}
		}
	}
	cut := func(name string, keep int) func(f folder) {
		return func(f folder) { f[name] = &fstest.MapFile{Data: f[name].Data[:min(keep, len(f[name].Data))]} }
	}
	for _, c := range []struct {
		name   string
		change func(f folder)
		want   string
	}{
		{"newer version", replace(manifestFile, `"version": 1`, `"version": 2`), "model.json: its version is 2 and this pipe reads 1"},
		{"newer history", replace(historyFile, `"version": 1`, `"version": 9`), "history.json: its version is 9"},
		{"manifest is cut", cut(manifestFile, 40), "model.json: unexpected end of JSON input"},
		{"manifest is empty", cut(manifestFile, 0), "model.json: unexpected end of JSON input"},
		{"weights are cut", cut(nn.WeightsFile, 900), "weights.safetensors: "},
		{"weights are cut in their header", cut(nn.WeightsFile, 5), "weights.safetensors: "},
		{"network is cut", cut(nn.NetworkFile, 60), "network.json: "},
		{"unknown layer", replace(nn.NetworkFile, `"lstm"`, `"lstn"`), `network.json: network: layer 2: unknown layer "lstn"`},
		{"unknown setting", replace(nn.NetworkFile, `"units"`, `"unit"`), "network.json: "},
		{"other units", replace(nn.NetworkFile, `"units": 8`, `"units": 9`), "weights.safetensors: "},
		{"units below zero", replace(nn.NetworkFile, `"units": 8`, `"units": -8`), "network.json: "},
		{"other number of classes", replace(manifestFile, `    "c"`, `    "c", "d"`), "model.json: the network gives 3 numbers for each row, and a classification with 4 classes needs 4"},
		{"a class twice", replace(manifestFile, `    "c"`, `    "a"`), `model.json: it has the class "a" twice`},
		{"classes of another type", replace(manifestFile, `"type": "utf8"`, `"type": "int64"`), `model.json: the class "a" is no int64`},
		{"labels of a strange type", replace(manifestFile, `"type": "utf8"`, `"type": "date32"`), "model.json: labels are text, whole numbers or booleans, not date32"},
		{"unknown task", replace(manifestFile, `"classification"`, `"divination"`), `model.json: its task is "divination"`},
		{"no target", replace(manifestFile, `"name": "label"`, `"name": ""`), "model.json: it names no target column"},
		{"another transform", replace(nn.NetworkFile, `      6`, `      7`), "the transform gives rows of shape (6) and the network reads (7)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := saved(t, classifier(t))
			c.change(f)
			_, err := Load(fstest.MapFS(f))
			if err == nil || !strings.Contains(err.Error(), "load the model: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\nwant  %s", err, c.want)
			}
		})
	}
}

func TestLoadNamesTheMissingFile(t *testing.T) {
	whole := saved(t, classifier(t))
	for name := range whole {
		f := saved(t, classifier(t))
		delete(f, name)
		_, err := Load(fstest.MapFS(f))
		base := name[strings.LastIndexByte(name, '/')+1:]
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), base) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if len(whole) < 6 {
		t.Errorf("the folder has %d files", len(whole))
	}
}

// A cut at any place must be noticed and must never panic.
func TestLoadOfCutFiles(t *testing.T) {
	whole := saved(t, classifier(t))
	for name, file := range whole {
		for _, keep := range []int{0, 1, 7, 8, 9, len(file.Data) / 2, len(file.Data) - 2} {
			f := folder{}
			for n, g := range whole {
				f[n] = g
			}
			f[name] = &fstest.MapFile{Data: file.Data[:max(0, min(keep, len(file.Data)))]}
			if _, err := Load(fstest.MapFS(f)); err == nil {
				t.Errorf("%s cut to %d of %d bytes was taken", name, keep, len(file.Data))
			}
		}
	}
}

func TestNewRefusesPartsThatDoNotFit(t *testing.T) {
	w := words(t)
	s := w.Signature()
	labels := Manifest{Task: score.Classification, Target: dag.Column{Name: "label", Type: "utf8"}, Classes: []string{"a", "b"}}
	for _, c := range []struct {
		name   string
		in     nn.Input
		vocab  int
		layers []nn.Layer
		want   string
	}{
		{"numbers", nn.Input{Shape: s.Shape}, 0, []nn.Layer{dense(t, 2, nn.Softmax)}, "one of transform and network is about token ids"},
		{"few ids", nn.Input{Tokens: true, Shape: s.Shape}, s.Tokens - 1, []nn.Layer{embedding(t), layer(t, "flatten"), dense(t, 2, nn.Softmax)}, "and the network knows"},
		{"an answer for each position", nn.Input{Tokens: true, Shape: s.Shape}, s.Tokens, []nn.Layer{embedding(t), dense(t, 2, nn.Softmax)}, "and not one answer for each row"},
	} {
		n, err := nn.NewNetwork(c.in, nn.Context{Classes: 2, Vocab: c.vocab}, c.layers, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(labels, History{}, w, n); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
}

func embedding(t testing.TB) nn.Layer {
	e := layer(t, "embedding").(*nn.Embedding)
	e.Dim = 4
	return e
}
