// Command seed fills a workspace with made-up runs, for the benchmark and the
// pictures of the pages: as many as asked for, ten metrics and ten params each,
// every hundredth with a curve of a thousand points.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"time"

	"pipe/registry"
	"pipe/workspace"
)

func main() {
	dir := flag.String("store", ".pipe", "the folder to fill")
	n := flag.Int("n", 30, "how many runs")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	wide := flag.Int("metrics", 0, "how many other metrics there are: each run has a fiftieth of them, the newest two have all")
	odd := flag.Bool("odd", false, "give long and hostile names, too")
	flag.Parse()
	if err := fill(context.Background(), *dir, *n, *seed, *wide, *odd); err != nil {
		log.Fatal(err)
	}
}

func fill(ctx context.Context, dir string, n int, seed uint64, wide int, odd bool) error {
	w, err := workspace.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer w.Close()
	rng := rand.New(rand.NewPCG(seed, 0))
	exp, err := w.Registry.EnsureExperiment(ctx, "search")
	if err != nil {
		return err
	}
	begin := time.Now().Add(-time.Duration(n) * 5 * time.Minute)
	models := []string{"lstm", "gru", "cnn", "transformer"}
	for i := range n {
		at := begin.Add(time.Duration(i) * 5 * time.Minute)
		model := models[rng.IntN(len(models))]
		units, rate := 16<<rng.IntN(5), math.Pow(10, -1-3*rng.Float64())
		name := fmt.Sprintf("%s-%04d", model, i)
		if odd && i%7 == 0 {
			name = `<script>alert("x")</script> ' & a name that is far too long for the place that it has in any table of runs, whatever the screen`
		}
		run, err := w.Registry.CreateRun(ctx, registry.NewRun{
			Experiment: exp.ID, Name: name, User: "ada", Start: at,
			Params: registry.Pairs(map[string]string{
				"model": model, "units": fmt.Sprint(units), "learning_rate": fmt.Sprintf("%.5f", rate), "batch": "64", "layers": fmt.Sprint(1 + rng.IntN(4)),
				"dropout": fmt.Sprintf("%.2f", rng.Float64()/2), "optimizer": "adam", "data": "reviews.parquet", "seed": fmt.Sprint(i), "epochs": "20"}),
			Tags: registry.Pairs(map[string]string{"team": []string{"search", "ads"}[rng.IntN(2)]}),
		})
		if err != nil {
			return err
		}
		accuracy := 0.6 + 0.3*math.Exp(-math.Abs(math.Log10(rate)+2.2))*math.Log2(float64(units))/8 + 0.02*rng.NormFloat64()
		var points []registry.Metric
		for k, v := range map[string]float64{"accuracy": accuracy, "f1": accuracy - 0.02, "precision": accuracy + 0.01, "recall": accuracy - 0.01, "auc": (1 + accuracy) / 2,
			"loss": 1.4 - accuracy, "seconds": 60 + 30*rng.Float64(), "rows": 100_000, "memory": 2e9 * rng.Float64(), "latency": 0.001 + 0.002*rng.Float64()} {
			points = append(points, registry.Metric{Key: k, Value: v, Time: at.Add(time.Minute)})
		}
		for k := range wide {
			if k%50 == i%50 || i >= n-2 {
				points = append(points, registry.Metric{Key: fmt.Sprintf("layer_%03d/unit_%05d", k/100, k), Value: rng.Float64(), Time: at.Add(time.Minute)})
			}
		}
		if i%100 == 0 || n < 100 {
			for step := range 1000 {
				t := float64(step+1) / 1000
				points = append(points,
					registry.Metric{Key: "train.loss", Value: 1.5*math.Exp(-4*t) + 0.1 + 0.05*rng.NormFloat64()*(1-t), Step: int64(step), Time: at.Add(time.Duration(step) * 60 * time.Millisecond)},
					registry.Metric{Key: "train.accuracy", Value: accuracy * (1 - math.Exp(-5*t)) * (1 + 0.02*rng.NormFloat64()), Step: int64(step), Time: at.Add(time.Duration(step) * 60 * time.Millisecond)})
			}
		}
		if err := w.Registry.LogMetrics(ctx, run.ID, points); err != nil {
			return err
		}
		status := []registry.Status{registry.Finished, registry.Finished, registry.Finished, registry.Finished, registry.Failed, registry.Finished, registry.Killed}[rng.IntN(7)]
		text := map[registry.Status]string{registry.Failed: "stage \"train\": the loss is NaN after step 412"}[status]
		if err := w.Registry.FinishRun(ctx, run.ID, status, at.Add(time.Minute+time.Duration(rng.IntN(200))*time.Second), text); err != nil {
			return err
		}
	}
	return nil
}
