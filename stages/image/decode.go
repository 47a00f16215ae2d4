// Package image owns pictures: decoding of JPEG, PNG, GIF, WebP and BMP to RGB,
// orientation, resizing, and the numbers that a network reads.
package image

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"  // decoders announce themselves to image.Decode
	_ "image/jpeg" // likewise
	_ "image/png"  // likewise

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

// Decode reads a file in one of the formats. What EXIF says of the orientation of a JPEG
// is done. Transparent pixels are laid over white; of several frames the first counts.
func Decode(data []byte) (*Picture, error) {
	if len(data) == 0 {
		return nil, errors.New("the picture is empty")
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("it is no picture in JPEG, PNG, GIF, WebP or BMP: %w", err)
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("a picture of %d×%d pixels cannot be read; at most %d pixels", config.Width, config.Height, maxPixels)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the %s is damaged: %w", format, err)
	}
	p := fromImage(img)
	if format == "jpeg" {
		p = p.oriented(exifOrientation(data))
	}
	return p, nil
}

// fromImage copies the pixels.
func fromImage(img image.Image) *Picture {
	b := img.Bounds()
	p := &Picture{b.Dx(), b.Dy(), make([]byte, 3*b.Dx()*b.Dy())}
	at := 0
	switch img := img.(type) {
	case *image.Gray:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				v := img.GrayAt(x, y).Y
				p.Pixels[at], p.Pixels[at+1], p.Pixels[at+2] = v, v, v
				at += 3
			}
		}
	case *image.YCbCr:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c := img.YCbCrAt(x, y)
				p.Pixels[at], p.Pixels[at+1], p.Pixels[at+2] = color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
				at += 3
			}
		}
	default:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
				for i, v := range [3]byte{c.R, c.G, c.B} {
					p.Pixels[at+i] = byte((int(v)*int(c.A) + 255*(255-int(c.A)) + 127) / 255)
				}
				at += 3
			}
		}
	}
	return p
}
