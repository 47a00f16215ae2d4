package stages

import (
	"strings"
	"testing"

	"pipe/dag/dagtest"
	"pipe/dag/text"
)

func TestExecOutputsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ with, want string }{
		{`{ run: "ln -s /etc $PIPE_OUTPUT_M/l", outputs: { m: folder } }`, `output "m": the symbolic link "l" leads out of the output: to /etc`},
		{`{ run: "mkdir $PIPE_OUTPUT_M/d; ln -s ../../../x $PIPE_OUTPUT_M/d/l", outputs: { m: model } }`, `the symbolic link "d/l" leads nowhere`},
		{`{ run: "rmdir $PIPE_OUTPUT_M; ln -s /etc $PIPE_OUTPUT_M", outputs: { m: folder } }`, `PIPE_OUTPUT_M is a symbolic link now`},
		{`{ run: "rmdir $PIPE_OUTPUT_M; echo > $PIPE_OUTPUT_M", outputs: { m: folder } }`, `declare { m: file }`},
		{`{ run: "mkdir $PIPE_OUTPUT_M", outputs: { m: file } }`, `output "m": a folder is at PIPE_OUTPUT_M, and file was declared; write a file there, or declare { m: folder }`},
		{`{ run: "ln -s nothing $PIPE_OUTPUT_M", outputs: { m: file } }`, `PIPE_OUTPUT_M is a symbolic link that leads nowhere`},
		{`{ run: "printf 'a,b\\n1,2\\n' > $PIPE_OUTPUT_M", outputs: { m: table } }`, `declare { type: table, format: csv }`},
	} {
		_, err := dagtest.TryRun(t, dagtest.Store(t), dagtest.New(t, &Exec{}, c.with), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.with, err, c.want)
		}
	}
	if _, err := dagtest.TryRun(t, dagtest.Store(t), dagtest.New(t, &Exec{}, `{ run: "echo x > $PIPE_OUTPUT_M/f; ln -s f $PIPE_OUTPUT_M/g", outputs: { m: folder } }`), nil); err != nil {
		t.Errorf("a link inside of the output: %v", err)
	}
}

func TestNamesOfOutputs(t *testing.T) {
	for with, want := range map[string]string{
		`{ run: x, outputs: { a-b: file } }`:         `f:1:22: with.outputs: "a-b": a name has letters`,
		`{ run: x, outputs: { '../x': file } }`:      `with.outputs: "../x": a name has letters`,
		`{ run: x, outputs: { a: file, A: table } }`: `f:1:31: with.outputs: "a" and "A" have one variable, PIPE_OUTPUT_A`,
		`{ run: x, outputs: { LOG: file } }`:         `the output log is there by itself`,
		`{ run: x, outputs: { o: tabel } }`:          `with.outputs.o must be one of table, file, folder, report, metrics, model, is "tabel" (did you mean "table"?)`,
		`{ run: x, outputs: { o: { typ: file } } }`:  `unknown key "typ" in with.outputs.o`,
		`{ run: x, outputs: [o] }`:                   `with.outputs: expected a map from names to types, found a list`,
		`{ run: [] }`:                                `with.run is empty: it names no program`,
	} {
		var ps text.Problems
		n := text.Parse(&text.File{Name: "f", Data: []byte(with)}, &ps)
		(&text.Decoder{Problems: &ps}).Known(n, &Exec{}, "with")
		if err := ps.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", with, err, want)
		}
	}
}
