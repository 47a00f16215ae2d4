package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// messages reads the encapsulated messages of an Arrow IPC stream, and lets only sound
// ones pass. It is an ipc.MessageReader.
type messages struct {
	r    io.Reader
	left int64 // bytes that may follow
	last *ipc.Message
}

func (m *messages) Retain()  {}
func (m *messages) Release() {}

const (
	continuation = 0xffffffff
	// unpackedLimit bounds the buffers of one message after decompression.
	unpackedLimit = 4 << 30
)

// Message returns the next message, which is valid until the next call, or io.EOF.
func (m *messages) Message() (*ipc.Message, error) {
	if m.last != nil {
		m.last.Release()
		m.last = nil
	}
	size, err := m.metadataSize()
	if err != nil {
		return nil, err
	}
	meta, err := m.take(size)
	if err != nil {
		return nil, fmt.Errorf("the metadata of a message: %w", err)
	}
	f := &flatBuffer{b: meta}
	root, err := f.root(&fbMessage)
	if err != nil {
		return nil, err
	}
	body, err := m.take(f.int64(root, 3))
	if err != nil {
		return nil, fmt.Errorf("the body of a message: %w", err)
	}
	if err := checkMessage(f, root, bytes.NewReader(body), int64(len(body))); err != nil {
		return nil, err
	}
	m.last = ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	return m.last, nil
}

// metadataSize reads the prefix of a message. Before format version 0.15 it had no
// continuation marker.
func (m *messages) metadataSize() (int64, error) {
	var word [4]byte
	for range 2 {
		n, err := io.ReadFull(m.r, word[:])
		m.left -= int64(n)
		if n == 0 && err == io.EOF {
			return 0, io.EOF // a stream may end without a mark
		}
		if err != nil {
			return 0, fmt.Errorf("the length of a message: %w", io.ErrUnexpectedEOF)
		}
		if v := binary.LittleEndian.Uint32(word[:]); v != continuation {
			if v == 0 {
				return 0, io.EOF
			}
			return int64(v), nil
		}
	}
	return 0, errors.New("a message has no length")
}

func (m *messages) take(n int64) ([]byte, error) {
	if n < 0 || n > m.left {
		return nil, fmt.Errorf("%d bytes are announced, %d are there", n, m.left)
	}
	m.left -= n
	b := make([]byte, n)
	_, err := io.ReadFull(m.r, b)
	return b, err
}

// checkMessage checks what the library would believe about the body of a message.
func checkMessage(f *flatBuffer, root int, body io.ReaderAt, size int64) error {
	header := f.slot(root, 2)
	kind := f.slot(root, 1)
	if header == 0 || kind == 0 {
		return errors.New("a message has no header")
	}
	at, _ := f.follow(header)
	switch f.b[kind] {
	case 1: // schema
		return nil
	case 2: // dictionary batch
		data := f.slot(at, 1)
		if data == 0 {
			return errors.New("a dictionary has no values")
		}
		at, _ = f.follow(data)
	case 3: // record batch
	default:
		return fmt.Errorf("a message is of kind %d, which belongs into no table", f.b[kind])
	}
	return checkBuffers(f, at, body, size)
}

func checkBuffers(f *flatBuffer, batch int, body io.ReaderAt, size int64) error {
	const most = 1 << 31
	nodes, n := f.vector(batch, 1)
	for i := range n {
		length, nulls := f.int64At(nodes+16*i), f.int64At(nodes+16*i+8)
		if length < 0 || length > most || nulls < 0 || nulls > length {
			return fmt.Errorf("an array has %d values, %d of them null", length, nulls)
		}
	}
	if rows := f.int64(batch, 0); rows < 0 || rows > most {
		return fmt.Errorf("a batch has %d rows", rows)
	}
	counts, n := f.vector(batch, 4)
	for i := range n {
		if c := f.int64At(counts + 8*i); c < 0 || c > most {
			return fmt.Errorf("a column of views claims %d buffers", c)
		}
	}
	compressed := f.slot(batch, 3) != 0
	unpacked := int64(0)
	buffers, n := f.vector(batch, 2)
	for i := range n {
		from, length := f.int64At(buffers+16*i), f.int64At(buffers+16*i+8)
		if from < 0 || length < 0 || from > size || length > size-from {
			return fmt.Errorf("a buffer is at %d+%d in a body of %d bytes", from, length, size)
		}
		if !compressed || length == 0 {
			continue
		}
		var word [8]byte
		if _, err := body.ReadAt(word[:], from); length < 8 || err != nil && err != io.EOF {
			return fmt.Errorf("a compressed buffer has %d bytes", length)
		}
		switch raw := int64(binary.LittleEndian.Uint64(word[:])); {
		case raw < -1 || raw > unpackedLimit-unpacked:
			return fmt.Errorf("compressed buffers claim to unpack to %d bytes, the limit is %d", raw, int64(unpackedLimit))
		case raw > 0:
			unpacked += raw
		}
	}
	return nil
}
