package mlflow

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pipe/registry"
)

// While a server takes metrics, another process backs the registry up and puts
// the copy back: the copy holds whatever was answered before it was begun and
// no point without those before it, no call fails, and what is logged after the
// restore is there.
func TestBackupAndRestoreUnderLoad(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	_, url := child(t, dir)
	c := client{t, url}
	runs := make([]string, 8)
	done := make([]atomic.Int64, len(runs)) // steps answered with 200
	for i := range runs {
		runs[i] = c.run()
	}
	stop := make(chan struct{})
	var total atomic.Int64
	var wg sync.WaitGroup
	for i, run := range runs {
		wg.Go(func() {
			for step := int64(0); ; step++ {
				select {
				case <-stop:
					return
				default:
				}
				body := fmt.Sprintf(`{"run_id": %q, "key": "m", "value": 1, "timestamp": %d, "step": %d}`, run, step+1, step)
				res, err := http.Post(url+api+"runs/log-metric", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("run %d, step %d: status %d", i, step, res.StatusCode)
					return
				}
				done[i].Store(step + 1)
				total.Add(1)
			}
		})
	}
	more := func(n int64) {
		for until := total.Load() + n; total.Load() < until && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
	}
	other, err := registry.Open(ctx, filepath.Join(dir, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	more(300)
	before := make([]int64, len(runs))
	for i := range done {
		before[i] = done[i].Load()
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := other.Backup(ctx, path); err != nil {
		t.Fatal(err)
	}
	more(300)
	if _, err := other.Restore(ctx, path); err != nil {
		t.Fatal(err)
	}
	after := make([]int64, len(runs))
	for i := range done {
		after[i] = done[i].Load() + 1 // the call under way may have been before
	}
	more(300)
	close(stop)
	wg.Wait()

	held, err := registry.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for i, run := range runs {
		list, _, err := held.History(ctx, run, "m", 0, 0)
		if err != nil || int64(len(list)) < before[i] {
			t.Errorf("run %d: the copy has %d points of %d, %v", i, len(list), before[i], err)
		}
		for k, p := range list {
			if p.Step != int64(k) {
				t.Fatalf("run %d: point %d of the copy has step %d", i, k, p.Step)
			}
		}
		now, _, err := other.History(ctx, run, "m", 0, 0)
		if err != nil || len(now) < len(list) {
			t.Fatalf("run %d: %d points after the restore, the copy had %d, %v", i, len(now), len(list), err)
		}
		have := make(map[int64]bool)
		for _, p := range now {
			have[p.Step] = true
		}
		for step := after[i]; step < done[i].Load(); step++ {
			if !have[step] {
				t.Errorf("run %d: step %d, answered after the restore, is not there", i, step)
			}
		}
	}
	if faults, err := other.Check(ctx); err != nil || len(faults) > 0 {
		t.Errorf("faults %v, %v", faults, err)
	}
}
