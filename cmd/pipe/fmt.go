package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pipe/dag/text"
)

func fmtCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "fmt FILE…",
		Short: "Format pipeline files; comments stay",
		Long: `Fmt writes pipeline files in one way: two spaces a level, no space at the end of a
line, no two blank lines in a row, a space after the # of a comment. Comments, the order of
keys and the choice between lines and braces stay, and so does what the file means.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var wrong text.Error
			changed := false
			for _, path := range args {
				did, err := formatFile(cmd, path, check)
				var e *text.Error
				switch {
				case errors.As(err, &e):
					wrong.Problems = append(wrong.Problems, e.Problems...)
				case err != nil:
					return err
				}
				changed = changed || did
			}
			if len(wrong.Problems) > 0 {
				return &wrong
			}
			if check && changed {
				return errors.Join(errShown, errors.New("some files are not formatted"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "change nothing; name the files that are not formatted, and fail if there are some")
	return c
}

// formatFile formats one file and tells whether it was otherwise before.
func formatFile(cmd *cobra.Command, path string, check bool) (changed bool, err error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return false, usageError{err}
	}
	out, err := text.Format(&text.File{Name: path, Data: src})
	if err != nil || bytes.Equal(src, out) {
		return false, err
	}
	fmt.Fprintln(cmd.OutOrStdout(), path)
	if check {
		return true, nil
	}
	return true, replaceFile(path, out)
}

// replaceFile writes a file beside the old one and then in its place, so that no
// half of it is ever there.
func replaceFile(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".pipe-fmt-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
