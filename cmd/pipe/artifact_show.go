package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/spf13/cobra"

	"pipe/artifacts"
	"pipe/artifacts/table"
	"pipe/cmd/pipe/view"
	"pipe/dag"
	"pipe/workspace"
)

func (a *app) artifactsShow() *cobra.Command {
	var rows, columns int
	c := &cobra.Command{
		Use:   "show ARTIFACT",
		Short: "Show an artifact: columns and first rows of a table, the files of a folder, a text",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withArtifact(cmd, args[0], func(w *workspace.Workspace, ref artifacts.Ref) error {
				out := cmd.OutOrStdout()
				fmt.Fprintf(out, "%s\ndigest %s\n\n", view.Artifact(ref, wholeSize(w, ref)), ref.Digest)
				switch {
				case ref.Type == artifacts.Table:
					return showTable(out, w, ref, rows, columns)
				case ref.Format == artifacts.FolderFormat:
					return showFolder(out, w, ref)
				}
				return showText(out, w, ref)
			})
		},
	}
	c.Flags().IntVarP(&rows, "rows", "n", 10, "how many rows of a table")
	c.Flags().IntVar(&columns, "columns", 30, "how many columns of a table; 0 for all")
	return c
}

func showTable(out io.Writer, w *workspace.Workspace, ref artifacts.Ref, most, columns int) error {
	r, err := dag.OpenTable(w.Store, ref, ref.Digest.Short())
	if err != nil {
		return err
	}
	defer r.Close()
	t := newAligned(out)
	fields, more := r.Schema().Fields(), ""
	if columns > 0 && len(fields) > columns {
		more = fmt.Sprintf("… and %d more columns: --columns 0 shows all", len(fields)-columns)
		fields = fields[:columns]
	}
	for _, f := range fields {
		null := ""
		if f.Nullable {
			null = "may be null"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Name, table.TypeName(f.Type), null)
	}
	if more != "" {
		fmt.Fprintln(t, more)
	}
	fmt.Fprintln(t)
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = strings.ToUpper(f.Name)
	}
	fmt.Fprintln(t, strings.Join(names, "\t"))
	for batch, err := range table.All(r) {
		if err != nil {
			return err
		}
		for i := 0; i < int(batch.NumRows()) && most > 0; i++ {
			fmt.Fprintln(t, strings.Join(cells(batch, i, len(fields)), "\t"))
			most--
		}
		if most <= 0 {
			break
		}
	}
	return t.Flush()
}

// cells writes the first n values of a row so that each fits in a column of a
// terminal.
func cells(b arrow.RecordBatch, row, n int) []string {
	out := make([]string, n)
	for i, c := range b.Columns()[:n] {
		s := c.ValueStr(row)
		if c.IsNull(row) {
			s = "(null)"
		}
		s = strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, s)
		const wide = 60
		if utf8.RuneCountInString(s) > wide {
			s = string([]rune(s)[:wide]) + "…"
		}
		out[i] = s
	}
	return out
}

func showFolder(out io.Writer, w *workspace.Workspace, ref artifacts.Ref) error {
	f, err := w.Store.OpenFolder(ref)
	if err != nil {
		return err
	}
	t := newAligned(out)
	for _, file := range f.List() {
		fmt.Fprintf(t, "%s\t%s\t%s\n", file.Path, view.Bytes(file.Size), file.Digest.Short())
	}
	return t.Flush()
}

// showText prints a small text and refuses to fill the terminal with anything
// else.
func showText(out io.Writer, w *workspace.Workspace, ref artifacts.Ref) error {
	const most = 16 << 10
	if ref.Size > most {
		_, err := fmt.Fprintln(out, "too long to show: `pipe artifacts cat` writes it out")
		return err
	}
	b, err := w.Store.ReadAll(ref)
	if err != nil {
		return err
	}
	if !utf8.Valid(b) {
		_, err := fmt.Fprintln(out, "not a text: `pipe artifacts cat` writes it out")
		return err
	}
	_, err = out.Write(b)
	return err
}
