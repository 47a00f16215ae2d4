//go:build unix && !linux

package stages

import (
	"io"
	"os"
	"syscall"
)

// output is the reading end of the pipe that a program prints into.
type output struct{ pipe *os.File }

// start begins a program in a process group of its own. Both of its outputs go
// to one pipe, so that their order is kept.
func start(path string, args, environment []string) (*output, *os.Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	read, printed, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer printed.Close()
	p, err := os.StartProcess(path, args, &os.ProcAttr{Env: environment, Files: []*os.File{null, printed, printed}, Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		read.Close()
		return nil, nil, err
	}
	return &output{read}, p, nil
}

// follow copies what is printed to w until nobody can print any more.
func (o *output) follow(w io.Writer) error {
	defer o.pipe.Close()
	_, err := io.Copy(w, o.pipe)
	return err
}
