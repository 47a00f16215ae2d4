package nn

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

func TestANetworkThatLearnsLearnsABatchByHeart(t *testing.T) {
	n, data := everyKind(t)
	before := weightBytes(t, n)
	if err := n.LearnsByHeart(context.Background(), countingConfig(), data); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(before, weightBytes(t, n)) {
		t.Error("the network itself has changed")
	}
}

func TestANetworkThatCannotLearnIsFoundOut(t *testing.T) {
	n, data := everyKind(t)
	cfg := countingConfig()
	cfg.Optimizer = &SGD{LearningRate: 1e-9}
	err := n.LearnsByHeart(context.Background(), cfg, data)
	var not *NotLearntError
	if !errors.As(err, &not) || not.Last < 0.9*not.First || not.Rows != cfg.BatchSize {
		t.Errorf("with a learning rate of a billionth: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.LearnsByHeart(ctx, cfg, data); !errors.Is(err, context.Canceled) {
		t.Errorf("when it is cancelled: %v", err)
	}
}
