package rows

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

// TestEachBlamesTheFirst: whichever of several bad rows is met first, the least one is
// told, and all before it were done.
func TestEachBlamesTheFirst(t *testing.T) {
	for range 50 {
		done := make([]atomic.Bool, 300)
		at, err := Each(len(done), func(i int) error {
			done[i].Store(true)
			if i == 250 || i == 120 || i == 121 {
				return fmt.Errorf("row %d", i)
			}
			return nil
		})
		if at != 120 || err == nil || err.Error() != "row 120" {
			t.Fatalf("%d, %v", at, err)
		}
		for i := range at {
			if !done[i].Load() {
				t.Fatalf("row %d was left out", i)
			}
		}
	}
	if at, err := Each(0, func(int) error { return errors.New("there is none") }); at != 0 || err != nil {
		t.Errorf("no rows: %d, %v", at, err)
	}
	defer func() {
		if v := recover(); v != "row 3" {
			t.Errorf("the panic became %v", v)
		}
	}()
	Each(9, func(i int) error {
		if i >= 3 {
			panic(fmt.Sprintf("row %d", i))
		}
		return nil
	})
	t.Error("a panic was swallowed")
}
