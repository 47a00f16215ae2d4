// Package image owns pictures: decoding of JPEG, PNG, GIF, WebP and BMP to RGB,
// orientation, resizing, and the numbers that a network reads.
package image

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // decoders announce themselves to image.Decode
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise
	"strings"

	_ "golang.org/x/image/bmp"  // likewise
	_ "golang.org/x/image/webp" // likewise
)

// Picture is pixels from left to right and from top to bottom, three bytes each: red,
// green and blue.
type Picture struct {
	Width, Height int
	Pixels        []byte
}

// maxPixels bounds a picture: a file of a few bytes can claim to be of any size.
const maxPixels = 1 << 27

// Decode reads a file in one of the formats. What EXIF says of the orientation of a JPEG,
// PNG or WebP is done. Transparent pixels are laid over white; of several frames the
// first counts.
func Decode(data []byte) (*Picture, error) {
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	data, left, top, canvas := firstFrame(data)
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case format == "":
		return nil, fmt.Errorf("it is no picture in JPEG, PNG, GIF, WebP or BMP%s", whatElse(data))
	case err != nil:
		return nil, damaged(format, err)
	case config.Width < 1 || config.Height < 1:
		return nil, fmt.Errorf("the %s has %d×%d pixels", format, config.Width, config.Height)
	}
	if canvas == (image.Point{}) {
		canvas = image.Pt(config.Width, config.Height)
	}
	if width, height := max(canvas.X, config.Width), max(canvas.Y, config.Height); width > maxPixels/height {
		return nil, fmt.Errorf("its %d bytes claim %d×%d pixels; more than %d million are not read, as they may be meant to fill the memory: make the picture smaller or leave it out",
			len(data), width, height, maxPixels/1_000_000)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, damaged(format, err)
	}
	p := fromImage(img, format).on(canvas, left, top)
	return p.oriented(exifOrientation(format, data)), nil
}

// damaged says once which format a decoder could not read, and why.
func damaged(format string, err error) error {
	msg := strings.TrimPrefix(err.Error(), format+": ")
	for _, prefix := range []string{"invalid format: ", "invalid JPEG format: "} {
		msg = strings.TrimPrefix(msg, prefix)
	}
	if reason, ok := strings.CutPrefix(msg, "unsupported "); ok {
		return fmt.Errorf("the %s cannot be read: unsupported %s", format, strings.TrimPrefix(reason, "JPEG feature: "))
	}
	return fmt.Errorf("the %s is damaged: %s", format, msg)
}

// whatElse names formats that cameras, scanners and web pages have, and that are not read.
func whatElse(data []byte) string {
	has := func(at int, words ...string) bool {
		for _, w := range words {
			if len(data) >= at+len(w) && string(data[at:at+len(w)]) == w {
				return true
			}
		}
		return false
	}
	switch {
	case has(4, "ftypheic", "ftypheix", "ftypmif1", "ftypmsf1"):
		return "; it looks like HEIC: save it as JPEG"
	case has(4, "ftypavif"):
		return "; it looks like AVIF: save it as JPEG or PNG"
	case has(0, "II*\x00", "MM\x00*"):
		return "; it looks like TIFF: save it as PNG"
	case has(0, "<svg", "<?xml"):
		return "; it looks like SVG: save it as PNG"
	case has(0, "<!DOCTYPE", "<!doctype", "<html", "<HTML"):
		return "; it looks like a web page"
	}
	return ""
}
