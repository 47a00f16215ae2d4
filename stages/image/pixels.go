package image

import (
	"image"
	"image/color"
)

// fromImage copies the pixels. What decoders give most has a loop of its own; all but
// those of WebP give what the last one gives.
func fromImage(img image.Image, format string) *Picture {
	b := img.Bounds()
	p := &Picture{b.Dx(), b.Dy(), make([]byte, 3*b.Dx()*b.Dy())}
	at := 0
	set := func(r, g, b byte) {
		p.Pixels[at], p.Pixels[at+1], p.Pixels[at+2] = r, g, b
		at += 3
	}
	if format == "webp" {
		img = studio(img)
	}
	switch img := img.(type) {
	case *image.Gray:
		each(b, func(x, y int) { v := img.GrayAt(x, y).Y; set(v, v, v) })
	case *image.YCbCr:
		each(b, func(x, y int) { c := img.YCbCrAt(x, y); set(color.YCbCrToRGB(c.Y, c.Cb, c.Cr)) })
	case *image.CMYK:
		each(b, func(x, y int) { c := img.CMYKAt(x, y); set(color.CMYKToRGB(c.C, c.M, c.Y, c.K)) })
	case *image.NRGBA:
		each(b, func(x, y int) { set(overWhite(img.NRGBAAt(x, y))) })
	case *image.RGBA:
		each(b, func(x, y int) {
			if c := img.RGBAAt(x, y); c.A == 255 {
				set(c.R, c.G, c.B)
			} else {
				set(overWhite(color.NRGBAModel.Convert(c).(color.NRGBA)))
			}
		})
	case *image.Paletted:
		palette := make([][3]byte, 256)
		for i, c := range img.Palette {
			palette[i][0], palette[i][1], palette[i][2] = overWhite(color.NRGBAModel.Convert(c).(color.NRGBA))
		}
		each(b, func(x, y int) { c := palette[img.ColorIndexAt(x, y)]; set(c[0], c[1], c[2]) })
	default:
		each(b, func(x, y int) { set(overWhite(color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA))) })
	}
	return p
}

func each(b image.Rectangle, f func(x, y int)) {
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			f(x, y)
		}
	}
}

func overWhite(c color.NRGBA) (r, g, b byte) {
	over := func(v byte) byte { return byte((int(v)*int(c.A) + 255*(255-int(c.A)) + 127) / 255) }
	return over(c.R), over(c.G), over(c.B)
}

// on lays the picture on a white canvas of another size.
func (p *Picture) on(canvas image.Point, left, top int) *Picture {
	if canvas == image.Pt(p.Width, p.Height) {
		return p
	}
	out := &Picture{canvas.X, canvas.Y, make([]byte, 3*canvas.X*canvas.Y)}
	for i := range out.Pixels {
		out.Pixels[i] = 255
	}
	for y := range min(p.Height, canvas.Y-top) {
		copy(out.Pixels[3*((top+y)*canvas.X+left):3*(top+y+1)*canvas.X], p.Pixels[3*y*p.Width:3*(y+1)*p.Width])
	}
	return out
}
