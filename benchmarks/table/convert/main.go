// Command convert copies a table from one file to another, as `pipe` does between
// stages, and is measured by ../run.py.
package main

import (
	"fmt"
	"os"

	"pipe/artifacts/table"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: convert IN OUT")
		os.Exit(3)
	}
	if err := convert(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func convert(in, out string) (err error) {
	r, err := table.OpenFile(in, table.Options{})
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := table.Create(out, r.Schema())
	if err != nil {
		return err
	}
	defer w.Discard()
	for b, err := range table.All(r) {
		if err != nil {
			return err
		}
		if err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Commit()
}
