package image

import (
	"encoding/binary"
	"image"
	"image/color"
	"iter"
)

// chunks goes through a RIFF file: names of four letters, and what they hold.
func chunks(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for len(data) >= 8 {
			size := int(binary.LittleEndian.Uint32(data[4:]))
			if size > len(data)-8 || !yield(string(data[:4]), data[8:8+size]) {
				return
			}
			data = data[min(8+size+size%2, len(data)):]
		}
	}
}

func isWebP(data []byte) bool {
	return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
}

// The sizes of what stands before a frame's own chunks, and before all chunks
// (RFC 9649).
const (
	webpFrame  = 16
	webpHeader = 12
)

// firstFrame gives of an animated WebP, which the decoder does not know, the first frame
// as a picture by itself, its place and the size of the whole; other data as they are.
func firstFrame(data []byte) (frame []byte, left, top int, canvas image.Point) {
	if !isWebP(data) {
		return data, 0, 0, image.Point{}
	}
	for name, body := range chunks(data[webpHeader:]) {
		switch {
		case name == "VP8X" && len(body) >= 10:
			canvas = image.Pt(1+uint24(body[4:]), 1+uint24(body[7:]))
		case name == "ANMF" && len(body) > webpFrame:
			left, top = 2*uint24(body), 2*uint24(body[3:])
			if left >= canvas.X || top >= canvas.Y {
				return data, 0, 0, image.Point{}
			}
			return aloneWebP(body[webpFrame:], body[6:12]), left, top, canvas
		}
	}
	return data, 0, 0, image.Point{}
}

// aloneWebP makes a file of a frame's chunks; size is that of the frame, less one.
func aloneWebP(frame, size []byte) []byte {
	inside := []byte("WEBP")
	for name := range chunks(frame) {
		if name == "ALPH" { // then there is a header that says so
			inside = append(inside, "VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"...)
			inside = append(inside, size...)
		}
	}
	inside = append(inside, frame...)
	file := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(inside)))
	return append(file, inside...)
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// studio gives the colours of a lossy WebP. Its brightness goes from 16 to 235 (RFC 9649
// names ITU-R BT.601), and the decoder's picture would be read as one from 0 to 255, as
// JPEG has it: grayer than it is.
func studio(img image.Image) image.Image {
	var planes *image.YCbCr
	alpha := func(x, y int) byte { return 255 }
	switch m := img.(type) {
	case *image.YCbCr:
		planes = m
	case *image.NYCbCrA:
		planes = &m.YCbCr
		alpha = func(x, y int) byte { return m.A[m.AOffset(x, y)] }
	default:
		return img
	}
	b := img.Bounds()
	out := image.NewNRGBA(b)
	each(b, func(x, y int) {
		c := planes.YCbCrAt(x, y)
		r, g, b := fromStudio(c)
		out.SetNRGBA(x, y, color.NRGBA{r, g, b, alpha(x, y)})
	})
	return out
}

// fromStudio computes with 1/65536: 255/219 of the brightness, and 255/224 of how far the
// colours are from the middle, times BT.601's weights.
func fromStudio(c color.YCbCr) (r, g, b byte) {
	y, u, v := 76309*(int32(c.Y)-16)+1<<15, int32(c.Cb)-128, int32(c.Cr)-128
	clip := func(v int32) byte { return byte(min(max(v>>16, 0), 255)) }
	return clip(y + 104597*v), clip(y - 25675*u - 53279*v), clip(y + 132201*u)
}
