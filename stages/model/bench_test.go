package model

import (
	"context"
	"testing"
)

// BenchmarkPredictText is one request after the other, as a server gets them
// from one client.
func BenchmarkPredictText(b *testing.B) {
	m := classifier(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.PredictText(context.Background(), "w1 common w2 w3"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPredict is a table; the figure is that of 1,000 rows.
func BenchmarkPredict(b *testing.B) {
	m := classifier(b)
	batch := batchOf(b, someTexts(1000)...)
	defer batch.Release()
	var p Predictions
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Predict(context.Background(), batch, 1, &p); err != nil {
			b.Fatal(err)
		}
	}
}
