// Package mlmodel owns what MLflow's loaders read of a model of pipe: an MLmodel
// file with the onnx and python_function flavours, the ONNX graph, and what it
// needs to run. It knows nothing of the server that hands them out.
package mlmodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pipe/stages/model"
	"pipe/stages/nn"
	"pipe/stages/nn/onnx"
)

// The files of the flavour. They lie beside the model's own.
const (
	MLmodelFile      = "MLmodel"
	graphFile        = "model.onnx"
	requirementsFile = "requirements.txt"
	condaFile        = "conda.yaml"
	pythonFile       = "python_env.yaml"
)

// About is what a flavour says beside the network.
type About struct {
	Digest string // of the model artifact
	MLflow string // the release whose format this is
}

// ErrNoFlavour says that a model is none that ONNX can hold.
var ErrNoFlavour = errors.New("the model has no network that ONNX can hold")

// Write puts the flavour of the model whose files are in fsys into dir. Equal
// models give equal bytes.
func Write(dir string, fsys fs.FS, a About) error {
	served, err := model.Open(fsys)
	if err != nil {
		return err
	}
	m, ok := served.(*model.Model)
	if !ok {
		return ErrNoFlavour
	}
	var graph bytes.Buffer
	if err := onnx.Export(&graph, m.Network(), onnx.Options{Metadata: map[string]string{"pipe.digest": a.Digest}}); err != nil {
		return fmt.Errorf("%w: %w", ErrNoFlavour, err)
	}
	text, err := mlmodelText(m.Network(), a)
	if err != nil {
		return err
	}
	for name, body := range map[string][]byte{
		MLmodelFile: text, graphFile: graph.Bytes(), requirementsFile: []byte(requirements),
		condaFile:  []byte("name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python=3.11\n- pip\n- pip:\n  - mlflow\n  - onnx\n  - onnxruntime\n"),
		pythonFile: []byte("python: 3.11.7\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\ndependencies:\n- -r requirements.txt\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o666); err != nil {
			return err
		}
	}
	return nil
}

const requirements = "mlflow\nonnx\nonnxruntime\n"

// mlmodelText is the MLmodel file. The input is what the transform gives, and
// not the raw columns: the transform has no form in ONNX.
func mlmodelText(net *nn.Network, a About) ([]byte, error) {
	type tensor struct {
		Type string `json:"type"`
		Name string `json:"name"`
		Spec struct {
			Dtype string   `json:"dtype"`
			Shape nn.Shape `json:"shape"`
		} `json:"tensor-spec"`
	}
	in, out := tensor{Type: "tensor", Name: onnx.FeaturesInput}, tensor{Type: "tensor", Name: onnx.Output}
	in.Spec.Dtype, in.Spec.Shape = "float32", append(nn.Shape{nn.Unknown}, net.Input.Shape...)
	if net.Input.Tokens {
		in.Name, in.Spec.Dtype = onnx.TokensInput, "int64"
	}
	out.Spec.Dtype, out.Spec.Shape = "float32", net.OutShape()
	inputs, err := json.Marshal([]tensor{in})
	if err != nil {
		return nil, err
	}
	outputs, err := json.Marshal([]tensor{out})
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `artifact_path: model
flavors:
  onnx:
    code: null
    data: %[1]s
    onnx_session_options: null
    onnx_version: 1.17.0
    providers:
    - CPUExecutionProvider
  python_function:
    data: %[1]s
    env:
      conda: %[2]s
      virtualenv: %[3]s
    loader_module: mlflow.onnx
    python_version: 3.11.7
mlflow_version: %[4]s
model_uuid: %[5]s
signature:
  inputs: '%[6]s'
  outputs: '%[7]s'
  params: null
utc_time_created: '1970-01-01 00:00:00.000000'
`, graphFile, condaFile, pythonFile, a.MLflow, a.Digest[:min(32, len(a.Digest))], inputs, outputs)
	return []byte(b.String()), nil
}
