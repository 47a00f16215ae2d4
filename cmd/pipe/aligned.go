package main

import (
	"bufio"
	"io"
	"text/tabwriter"
)

// aligned writes what is printed between tabs in columns. text/tabwriter alone writes each
// cell by itself, which for the stages of a large pipeline were hundreds of
// thousands of system calls.
type aligned struct {
	*tabwriter.Writer
	out *bufio.Writer
}

func newAligned(out io.Writer) aligned {
	b := bufio.NewWriterSize(out, 64<<10)
	return aligned{tabwriter.NewWriter(b, 0, 0, 2, ' ', 0), b}
}

// Flush writes what has been collected.
func (c aligned) Flush() error {
	if err := c.Writer.Flush(); err != nil {
		return err
	}
	return c.out.Flush()
}
