package image

import (
	"bytes"
	"image"
	"image/png"
)

// Heated lays a map of heat over the picture: height × width numbers from 0 to 1, row
// after row, which are spread over the picture by the bilinear mean. What is cold stays
// as a darker gray, so that only what is hot has colour, from blue over green to red.
func (p *Picture) Heated(heat []float32, height, width int) *Picture {
	out := &Picture{p.Width, p.Height, make([]byte, len(p.Pixels))}
	for y := range p.Height {
		y0, y1, wy := spread(y, p.Height, height)
		for x := range p.Width {
			x0, x1, wx := spread(x, p.Width, width)
			upper := heat[y0*width+x0]*(1-wx) + heat[y0*width+x1]*wx
			lower := heat[y1*width+x0]*(1-wx) + heat[y1*width+x1]*wx
			v := upper*(1-wy) + lower*wy
			at := 3 * (y*p.Width + x)
			gray := float32(299*int(p.Pixels[at])+587*int(p.Pixels[at+1])+114*int(p.Pixels[at+2])) / 1000
			for c, colour := range rainbow(v) {
				out.Pixels[at+c] = byte(gray*(0.7-0.3*v) + colour*0.6*v + 0.5)
			}
		}
	}
	return out
}

// spread says between which two of n places pixel at of size lies, and the weight of
// the second.
func spread(at, size, n int) (a, b int, weight float32) {
	place := (float32(at)+0.5)*float32(n)/float32(size) - 0.5
	place = min(max(place, 0), float32(n-1))
	a = int(place)
	return a, min(a+1, n-1), place - float32(a)
}

// rainbow is a colour from blue at 0 over green to red at 1.
func rainbow(v float32) [3]float32 {
	ramp := func(v float32) float32 { return 255 * min(max(v, 0), 1) }
	return [3]float32{ramp(4*v - 2), ramp(2 - max(4*v-3, 1-4*v, 0)*2), ramp(2 - 4*v)}
}

// PNG gives the picture as a file.
func (p *Picture) PNG() ([]byte, error) {
	img := image.NewNRGBA(image.Rect(0, 0, p.Width, p.Height))
	for i := range p.Width * p.Height {
		copy(img.Pix[4*i:], p.Pixels[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
