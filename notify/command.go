package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// commandError is a program that ran and failed, or could not be started.
type commandError struct{ text string }

func (e *commandError) Error() string { return e.text }

// run hands the message to a program, in a process group of its own that ends
// as a whole when the time is up.
func (t Target) run(ctx context.Context, m Message) error {
	in, err := json.Marshal(m)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, t.Command[0], t.Command[1:]...)
	c.Stdin = bytes.NewReader(append(in, '\n'))
	// A variable cannot hold a zero byte.
	c.Env = append(os.Environ(), "PIPE_NOTIFY_TITLE="+strings.ReplaceAll(m.Title, "\x00", ""),
		"PIPE_NOTIFY_TEXT="+strings.ReplaceAll(plainText(m), "\x00", ""), "PIPE_NOTIFY_LEVEL="+string(m.Level))
	said := &tail{}
	c.Stdout, c.Stderr = said, said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		words := strings.TrimSpace(string(said.b))
		if words != "" {
			words = ": " + words
		}
		return &commandError{fmt.Sprintf("%v%s", err, words)}
	}
	return nil
}

// tail keeps the last words of a program.
type tail struct{ b []byte }

const lastWords = 400

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	if n := len(t.b) - lastWords; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}
