package stages

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"pipe/stages/nn"
)

// checkpoint keeps the state of a training in a file, for the run that comes
// after a crash.
type checkpoint struct {
	path  string
	every time.Duration
	now   func() time.Time

	last time.Time     // when the last one was written, or the training began
	cost time.Duration // of writing it
}

var errNoCheckpoint = errors.New("there is no checkpoint")

// Writing takes no more than one part in costShare of the time.
const costShare = 20

// exists tells whether a training was interrupted.
func (c *checkpoint) exists() bool {
	_, err := os.Stat(c.path)
	return err == nil
}

// load brings a trainer to the state that was written last.
func (c *checkpoint) load(t *nn.Trainer) error {
	c.last = c.now()
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoCheckpoint
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return t.ReadState(bufio.NewReaderSize(f, 1<<20), info.Size())
}

// after writes the state if it is time to.
func (c *checkpoint) after(t *nn.Trainer) error {
	if c.now().Sub(c.last) < max(c.every, costShare*c.cost) {
		return nil
	}
	return c.write(t)
}

// onStop writes the state of an interrupted training, unless that takes so long
// that the interruption would be felt.
func (c *checkpoint) onStop(t *nn.Trainer) error {
	if c.cost > 500*time.Millisecond {
		return nil
	}
	return c.write(t)
}

// write replaces the file at once: a crash leaves the one or the other. What a
// power cut leaves is found out by its reader.
func (c *checkpoint) write(t *nn.Trainer) error {
	begin := c.now()
	err := replaceFile(c.path, t)
	c.last = c.now()
	c.cost = c.last.Sub(begin)
	if err != nil {
		return fmt.Errorf("write the checkpoint of a training: %w", err)
	}
	return nil
}

func replaceFile(path string, t *nn.Trainer) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err = t.WriteState(w); err == nil {
		err = w.Flush()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
