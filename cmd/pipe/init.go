package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"pipe/dag/text"
)

//go:embed template
var template embed.FS

func (a *app) initCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a small pipeline of your own to start from, with data",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if err := writeTemplate(dir, force); err != nil {
				return err
			}
			prefix := ""
			if dir != "." {
				prefix = "-C " + text.ShellWord(dir) + " "
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), `wrote %s and %s
next:
  pipe %srun pipeline.yaml
  pipe %spredict tickets@champion "The invoice shows the wrong amount"
`, filepath.Join(dir, "pipeline.yaml"), filepath.Join(dir, "tickets.csv"), prefix, prefix)
			return err
		},
	}
	c.Flags().BoolVar(&force, "force", false, "write over files that are there")
	return c
}

func writeTemplate(dir string, force bool) error {
	names := []string{"pipeline.yaml", "tickets.csv", "gitignore"}
	place := func(name string) string {
		if name == "gitignore" {
			name = ".gitignore"
		}
		return filepath.Join(dir, name)
	}
	for _, name := range names[:2] { // all or nothing
		if _, err := os.Stat(place(name)); err == nil && !force {
			return fmt.Errorf("%s is there already; --force writes over it", place(name))
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, name := range names {
		data, err := template.ReadFile("template/" + name)
		if err != nil {
			return err
		}
		flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
		if name == "gitignore" {
			flags = os.O_CREATE | os.O_WRONLY | os.O_EXCL // an own .gitignore is left alone
		}
		f, err := os.OpenFile(place(name), flags, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := f.Write(data); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
