package stages

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// output is the reading end of the pipe that a program prints into. It is read
// with plain calls by the goroutine that waits for the program.
type output struct {
	pipe    int
	process int // a descriptor that is readable once the program has ended, or -1
	group   int // its processes
}

// start begins a program in a process group of its own. Both of its outputs go
// to one pipe, so that their order is kept. It is killed when this process is:
// the kernel does so at the end of the thread that started it, and threads of Go
// end with the process, but for those that a goroutine takes with it by
// runtime.LockOSThread; here none does.
func start(path string, args, environment []string) (*output, *os.Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	printed := os.NewFile(uintptr(ends[1]), "|1")
	defer printed.Close()
	o := &output{pipe: ends[0], process: -1}
	p, err := os.StartProcess(path, args, &os.ProcAttr{Env: environment, Files: []*os.File{null, printed, printed},
		Sys: &syscall.SysProcAttr{Setpgid: true, PidFD: &o.process, Pdeathsig: syscall.SIGKILL}})
	if err != nil {
		o.close()
		return nil, nil, err
	}
	o.group = p.Pid
	return o, p, nil
}

// follow copies what is printed to w until nobody can print any more, or until
// the program has ended and the pipe is empty: a child that it left behind may
// hold the pipe open for ever.
func (o *output) follow(w io.Writer) error {
	defer o.close()
	buf := make([]byte, 32<<10)
	fds := []unix.PollFd{{Fd: int32(o.pipe), Events: unix.POLLIN}, {Fd: int32(o.process), Events: unix.POLLIN}}
	wait := -1
	for {
		ready, err := unix.Poll(fds, wait)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("poll", err)
		}
		if ready == 0 {
			return nil
		}
		if fds[0].Revents == 0 {
			// The program has ended, perhaps after the pipe was looked at: once more.
			_ = syscall.Kill(-o.group, syscall.SIGKILL)
			fds, wait = fds[:1], 0
			continue
		}
		n, err := syscall.Read(o.pipe, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return nil
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
	}
}

func (o *output) close() {
	syscall.Close(o.pipe)
	if o.process >= 0 {
		syscall.Close(o.process)
	}
}
