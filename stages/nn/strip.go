package nn

import (
	"runtime"

	"pipe/stages/nn/kernel"
)

// A convolution reads its input in strips: the lines that some lines of the output read,
// of one image. Where these reach over the edge of the image they are copied into a room
// in the cache with zeros around them; no padded images are ever written to memory.

// pads reports whether strips are copied.
func (n *slidingNode) pads() bool {
	w := &n.windows
	return w.Height != w.InnerHeight || w.Width != w.InnerWidth
}

// reads is how many lines of the input so many lines of the output read.
func (n *slidingNode) reads(lines int) int { return (lines-1)*n.windows.RowStride + n.reach }

// stripRoom is what a strip needs.
func (n *slidingNode) stripRoom(lines int) int {
	if !n.pads() {
		return 0
	}
	return n.reads(lines) * n.windows.Width * n.windows.Channels
}

// strip returns what lines lo to hi of example i of the output read.
func (n *slidingNode) strip(room []float32, i, lo, hi int) []float32 {
	w := &n.windows
	image, inner := n.image(n.x.Data, i), w.InnerWidth*w.Channels
	if !n.pads() {
		return image[lo*w.RowStride*inner:]
	}
	line, left := w.Width*w.Channels, w.ColumnsBefore*w.Channels
	for at := range n.reads(hi - lo) {
		to, row := room[at*line:(at+1)*line], lo*w.RowStride+at-w.RowsBefore
		if row < 0 || row >= w.InnerHeight {
			clear(to)
			continue
		}
		clear(to[:left])
		copy(to[left:], image[row*inner:][:inner])
		clear(to[left+inner:])
	}
	return room
}

// image returns the part of example i of some images.
func (n *slidingNode) image(images []float32, i int) []float32 {
	each := len(images) / n.x.Shape[0]
	return images[i*each : (i+1)*each]
}

// split cuts lines, counted through all examples, into parts, of which atOnce lines are
// computed at once, with so much room for each part.
func (n *slidingNode) split(lines, atOnce, room int) {
	n.lines, n.atOnce, n.parts = lines, atOnce, min(2*partsPerCore*runtime.GOMAXPROCS(0), lines)
	n.room = n.p.floats.take(n.parts * room)
}

// eachStrip runs f for lines lo to hi of example i, until a part is done. An example
// has so many lines.
func (n *slidingNode) eachStrip(part, lines int, f func(room []float32, i, lo, hi int)) {
	size := len(n.room) / n.parts
	room := n.room[part*size : (part+1)*size]
	for at, end := n.lines*part/n.parts, n.lines*(part+1)/n.parts; at < end; {
		i, lo := at/lines, at%lines
		hi := min(lines, lo+n.atOnce, lo+end-at)
		f(room, i, lo, hi)
		at += hi - lo
	}
}

// inputRoom is what paddedGradient needs.
func (n *slidingNode) inputRoom() int {
	if w := &n.windows; n.pads() {
		return w.Height * w.Width * w.Channels
	}
	return 0
}

// paddedGradient returns the gradient of example i of the input with its padding, to
// which the outputs' are to be added before addInner: in room where it is padded. It is
// nil when nobody asks for it.
func (n *slidingNode) paddedGradient(i int, room []float32) []float32 {
	dx := n.inputGradient(i)
	if dx == nil || !n.pads() {
		return dx
	}
	clear(room)
	return room
}

// addInner adds what is not padding of example i's gradient to the input's.
func (n *slidingNode) addInner(i int, padded []float32) {
	if padded == nil || !n.pads() {
		return
	}
	w := &n.windows
	line := w.InnerWidth * w.Channels
	for row := range w.InnerHeight {
		to := n.dx[(i*w.InnerHeight+row)*line:][:line]
		kernel.Add(to, to, padded[((row+w.RowsBefore)*w.Width+w.ColumnsBefore)*w.Channels:])
	}
}
