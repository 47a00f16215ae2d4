package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"

	"pipe/stages/nn"
)

// networks are those of the table in docs/benchmarks.md, with layers as a pipeline has them.
var networks = map[string]func(*meter) error{
	"lstm":      trained(tokens(100, 10000, 10), 32, 1, "categorical_crossentropy", "adam", lstm),
	"lstm_text": trained(text(100, 10000, 10), 32, 1, "categorical_crossentropy", "adam", lstm),
	"simple_rnn": trained(tokens(100, 1000, 2), 32, 1, "binary_crossentropy", "adam",
		`{"embedding":{"dim":128}},{"simple_rnn":{"units":128}},{"dense":{"units":1,"activation":"sigmoid"}}`),
	"language_model": trained(tokens(20, 10000, 10000), 64, 20, "categorical_crossentropy", "adam",
		`{"embedding":{"dim":256}},{"lstm":{"units":512,"return_sequences":true}},{"lstm":{"units":512,"return_sequences":true}},
		{"dense":{"units":"classes","activation":"softmax"}}`),
	"cnn": trained(numbers(10, 28, 28, 1), 64, 1, "categorical_crossentropy", "adam",
		`{"conv2d":{"filters":32,"kernel_size":[3],"activation":"relu"}},{"max_pool":{}},
		{"conv2d":{"filters":64,"kernel_size":[3],"activation":"relu"}},{"max_pool":{}},{"flatten":{}},
		{"dense":{"units":128,"activation":"relu"}},{"dense":{"units":"classes","activation":"softmax"}}`),
	"resnet_cifar": trained(numbers(10, 32, 32, 3), 128, 1, "categorical_crossentropy", "sgd", smallResNet),
	"gpt":          trained(tokens(64, 65, 65), 12, 64, "categorical_crossentropy", "adamw", `{"gpt":{"layers":4,"heads":4,"dim":128}}`),
	"resnet18": answered(numbers(1000, 224, 224, 3), 1,
		`{"resnet18":{}},{"dense":{"units":"classes","activation":"softmax"}}`),
	"resnet20": trained(numbers(10, 32, 32, 3), 128, 1, "categorical_crossentropy", "adam",
		`{"resnet20":{}},{"dense":{"units":"classes","activation":"softmax"}}`),
	"minilm":    answered(tokens(32, 30522, 0), 1, minilm),
	"minilm_32": answered(tokens(32, 30522, 0), 32, minilm),
}

const lstm = `{"embedding":{"dim":128}},{"lstm":{"units":128}},{"dense":{"units":"classes","activation":"softmax"}}`

// smallResNet is the network of pipelines/pictures.yaml.
const smallResNet = `{"conv2d":{"filters":16,"kernel_size":[3],"padding":"same","use_bias":false}},{"batch_norm":{}},{"activation":{}},
	{"conv2d":{"filters":32,"kernel_size":[3],"padding":"same","use_bias":false}},{"max_pool":{}},{"batch_norm":{}},{"activation":{}},
	{"residual":{"layers":[{"conv2d":{"filters":32,"kernel_size":[3],"padding":"same","use_bias":false}},{"batch_norm":{}},{"activation":{}},
		{"conv2d":{"filters":32,"kernel_size":[3],"padding":"same","use_bias":false}},{"batch_norm":{}},{"activation":{}}]}},
	{"conv2d":{"filters":64,"kernel_size":[3],"padding":"same","use_bias":false}},{"max_pool":{}},{"batch_norm":{}},{"activation":{}},
	{"conv2d":{"filters":128,"kernel_size":[3],"padding":"same","use_bias":false}},{"max_pool":{}},{"batch_norm":{}},{"activation":{}},
	{"residual":{"layers":[{"conv2d":{"filters":128,"kernel_size":[3],"padding":"same","use_bias":false}},{"batch_norm":{}},{"activation":{}},
		{"conv2d":{"filters":128,"kernel_size":[3],"padding":"same","use_bias":false}},{"batch_norm":{}},{"activation":{}}]}},
	{"global_max_pool":{}},{"dense":{"units":"classes","activation":"softmax"}}`

const minilm = `{"bert":{"layers":6,"heads":12,"dim":384,"hidden":1536}},{"global_avg_pool":{}},{"unit_norm":{}}`

// task is what goes into a network and how many labels there are.
type task struct {
	input          string
	shape          []int
	vocab, classes int
	text           bool // the tokens are those of the file that the variable TOKENS names
}

func tokens(time, vocab, classes int) task {
	return task{fmt.Sprintf(`{"tokens":true,"shape":[%d]}`, time), []int{time}, vocab, classes, false}
}

// text is tokens with the words of a text, which run.py writes to a file as an array of JSON.
func text(time, vocab, classes int) task {
	k := tokens(time, vocab, classes)
	k.text = true
	return k
}

func numbers(classes, height, width, channels int) task {
	return task{fmt.Sprintf(`{"shape":[%d,%d,%d]}`, height, width, channels), []int{height, width, channels}, 0, classes, false}
}

// network makes the network with weights of a fixed seed.
func (k task) network(layers string) (*nn.Network, error) {
	described, err := nn.ParseNetwork(fmt.Appendf(nil, `{"format":"pipe.network/1","input":%s,"context":{"classes":%d,"vocab":%d},"layers":[%s]}`,
		k.input, k.classes, k.vocab, layers))
	if err != nil {
		return nil, err
	}
	return nn.NewNetwork(described.Input, described.Context, described.Layers, 1)
}

// batch draws examples with so many labels each.
func (k task) batch(count, labels int) (*nn.Examples, error) {
	r := rand.New(rand.NewPCG(1, 2))
	e := &nn.Examples{Count: count}
	if k.text {
		data, err := os.ReadFile(os.Getenv("TOKENS"))
		if err == nil {
			err = json.Unmarshal(data, &e.Tokens)
		}
		if err != nil {
			return nil, fmt.Errorf("the variable TOKENS must name a file with a JSON array of token ids: %w", err)
		}
	}
	for range count*nn.Shape(k.shape).Size() - len(e.Tokens) {
		if k.vocab > 0 {
			e.Tokens = append(e.Tokens, int32(1+r.IntN(k.vocab-1)))
		} else {
			e.Features = append(e.Features, r.Float32())
		}
	}
	for range count * labels {
		e.Labels = append(e.Labels, int32(r.IntN(k.classes)))
	}
	return e, nil
}

func trained(k task, batch, labels int, loss, optimizer, layers string) func(*meter) error {
	return func(m *meter) error {
		n, err := k.network(layers)
		if err != nil {
			return err
		}
		var cfg nn.FitConfig
		if cfg.Loss, err = nn.NewLoss(loss); err != nil {
			return err
		}
		if cfg.Optimizer, err = nn.NewOptimizer(optimizer); err != nil {
			return err
		}
		data, err := k.batch(batch, labels)
		if err != nil {
			return err
		}
		return train(m, n, cfg, data)
	}
}

func answered(k task, batch int, layers string) func(*meter) error {
	return func(m *meter) error {
		n, err := k.network(layers)
		if err != nil {
			return err
		}
		data, err := k.batch(batch, 0)
		if err != nil {
			return err
		}
		return answer(m, n, data)
	}
}
