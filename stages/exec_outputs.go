package stages

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"pipe/artifacts"
	"pipe/dag/text"
)

// ProgramOutputs are what a program writes, by name.
type ProgramOutputs map[string]OutputDoc

// outputName is what an output may be called: as an input, for both are part of
// the names of variables and of files.
var outputName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

func inputVariable(name string) string  { return "PIPE_INPUT_" + strings.ToUpper(name) }
func outputVariable(name string) string { return "PIPE_OUTPUT_" + strings.ToUpper(name) }

// DecodeNode implements text.NodeDecoder.
func (o *ProgramOutputs) DecodeNode(d *text.Decoder, n *text.Node) {
	if n.Kind != text.Mapping {
		if n.Value != nil || n.Kind == text.Sequence {
			d.Errorf(n, "type", "with.outputs: expected a map from names to types, found %s", n.What())
		}
		return
	}
	*o = make(ProgramOutputs, len(n.Keys))
	byVariable := map[string]string{}
	for i, k := range n.Keys {
		name := k.Raw
		other, taken := byVariable[outputVariable(name)]
		switch {
		case !outputName().MatchString(name):
			d.Errorf(k, "name", "with.outputs: %q: a name has letters (a to z, A to Z), digits and _, and begins with no digit", name)
			continue
		case strings.EqualFold(name, logPort):
			d.Errorf(k, "name", "with.outputs: the output log is there by itself: what the program printed")
			continue
		case taken:
			d.Errorf(k, "name", "with.outputs: %q and %q have one variable, %s: names must differ in more than upper and lower case", other, name, outputVariable(name))
			continue
		}
		byVariable[outputVariable(name)] = name
		(*o)[name] = decodeOutput(d, n.Items[i], "with.outputs."+name)
	}
}

// TypeText names the type in the reference.
func (ProgramOutputs) TypeText() string { return "map to " + OutputDoc{}.TypeText() }

// OutputDoc says what an output is.
type OutputDoc struct {
	Type   string `yaml:"type" doc:"table, file, folder, report, metrics or model" required:"true" enum:"table,file,folder,report,metrics,model"`
	Format string `yaml:"format" doc:"the extension of the file; by default parquet for a table, html for a report, json for metrics, bin for a file"`
}

// outputTypes are those of the enum above.
var outputTypes = []string{"table", "file", "folder", "report", "metrics", "model"}

// decodeOutput reads an output; a word is its type.
func decodeOutput(d *text.Decoder, n *text.Node, name string) (o OutputDoc) {
	switch {
	case n.Kind != text.Scalar || n.Value == nil:
		d.Known(n, &o, name)
	case slices.Contains(outputTypes, n.Text()):
		o.Type = n.Text()
	default:
		d.Problems.Add(&text.Problem{Code: "enum", Pos: n.Pos, Text: fmt.Sprintf("%s must be one of %s, is %q", name, text.List(outputTypes), n.Text()), Hint: text.DidYouMean(n.Text(), outputTypes)})
	}
	if o.Format == "" {
		o.Format = map[string]string{"table": "parquet", "report": "html", "metrics": "json", "file": "bin"}[o.Type]
	}
	if o.Type == "folder" || o.Type == "model" {
		o.Format = artifacts.FolderFormat
	}
	return o
}

// TypeText names the type in the reference.
func (OutputDoc) TypeText() string { return "table, file, folder, report, metrics or model" }

func (o OutputDoc) artifact() artifacts.Type {
	if o.Type == "folder" {
		return artifacts.File
	}
	return artifacts.Type(o.Type)
}

// look refuses what a program left in the place of an output where something
// else was declared: a folder for a file, a file for a folder, and a folder with
// symbolic links that lead out of it. What they lead to would become a part of
// the output, /etc as well as a cache of gigabytes.
func (o OutputDoc) look(name, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the program did not write its output %q: nothing is at %s", name, outputVariable(name))
	case err != nil:
		return err
	case o.Format != artifacts.FolderFormat:
		if info, err = os.Stat(path); err != nil {
			return fmt.Errorf("output %q: %s is a symbolic link that leads nowhere", name, outputVariable(name))
		}
		if info.IsDir() {
			return fmt.Errorf("output %q: a folder is at %s, and %s was declared; write a file there, or declare { %s: folder }", name, outputVariable(name), o.Type, name)
		}
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("output %q: %s is a symbolic link now; write into the folder that was there", name, outputVariable(name))
	case !info.IsDir():
		return fmt.Errorf("output %q: no folder is at %s any more, and %s was declared; write into the folder that was there, or declare { %s: file }", name, outputVariable(name), o.Type, name)
	}
	return linksStayInside(name, path)
}

func linksStayInside(name, folder string) error {
	root, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink == 0 {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		to, _ := os.Readlink(path)
		end, err := filepath.EvalSymlinks(path)
		if err != nil {
			return fmt.Errorf("output %q: the symbolic link %q leads nowhere: to %s", name, rel, to)
		}
		if end != root && !strings.HasPrefix(end, root+string(filepath.Separator)) {
			return fmt.Errorf("output %q: the symbolic link %q leads out of the output: to %s; copy what belongs to the output into it", name, rel, to)
		}
		return nil
	})
}

// looksLikeText tells whether a file begins as text does.
func looksLikeText(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	head = head[:n]
	for cut := 1; err == nil && cut < utf8.UTFMax && !utf8.Valid(head); cut++ { // the last letter may be cut
		head = head[:n-cut]
	}
	control := func(b byte) bool { return b < ' ' && b != '\n' && b != '\r' && b != '\t' }
	return len(head) > 0 && utf8.Valid(head) && !slices.ContainsFunc(head, control) && !strings.HasPrefix(string(head), "PAR1")
}
