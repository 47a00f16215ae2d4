package image

import "math"

// Crop cuts out a rectangle.
func (p *Picture) Crop(x, y, width, height int) *Picture {
	out := &Picture{width, height, make([]byte, 3*width*height)}
	for row := range height {
		copy(out.Pixels[3*row*width:3*(row+1)*width], p.Pixels[3*((y+row)*p.Width+x):])
	}
	return out
}

// Resize gives the picture another size, with a triangle as wide as what a new pixel
// covers, in each direction by itself: the bilinear filter of Pillow.
func (p *Picture) Resize(width, height int) *Picture {
	if width == p.Width && height == p.Height {
		return p
	}
	across := taps(p.Width, width)
	wide := &Picture{width, p.Height, make([]byte, 3*width*p.Height)}
	for y := range p.Height {
		for x, t := range across {
			t.sum(wide.Pixels[3*(y*width+x):], p.Pixels[3*y*p.Width:], 3)
		}
	}
	down := taps(p.Height, height)
	out := &Picture{width, height, make([]byte, 3*width*height)}
	for y, t := range down {
		for x := range width {
			t.sum(out.Pixels[3*(y*width+x):], wide.Pixels[3*x:], 3*width)
		}
	}
	return out
}

// tap is the pixels from first on that make a new one, and their weights.
type tap struct {
	first   int
	weights []float64
}

// sum adds up pixels that lie stride bytes apart.
func (t tap) sum(dst, src []byte, stride int) {
	for c := range 3 {
		v := 0.5
		for i, w := range t.weights {
			v += w * float64(src[(t.first+i)*stride+c])
		}
		dst[c] = byte(min(max(v, 0), 255))
	}
}

func taps(from, to int) []tap {
	scale := float64(from) / float64(to)
	support := max(scale, 1)
	out := make([]tap, to)
	for i := range out {
		center := (float64(i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		last := min(int(center+support+0.5), from)
		t := tap{first: first}
		sum := 0.0
		for j := first; j < last; j++ {
			w := max(1-math.Abs((float64(j)-center+0.5)/support), 0)
			t.weights = append(t.weights, w)
			sum += w
		}
		for j := range t.weights {
			t.weights[j] /= sum
		}
		out[i] = t
	}
	return out
}

// Cover resizes the picture so that it covers the size and cuts out the middle.
func (p *Picture) Cover(width, height int) *Picture {
	scale := max(float64(width)/float64(p.Width), float64(height)/float64(p.Height))
	w := max(int(math.Round(float64(p.Width)*scale)), width)
	h := max(int(math.Round(float64(p.Height)*scale)), height)
	return p.Resize(w, h).Crop((w-width)/2, (h-height)/2, width, height)
}

// Contain resizes the picture so that it fits into the size, and centres it on black.
func (p *Picture) Contain(width, height int) *Picture {
	scale := min(float64(width)/float64(p.Width), float64(height)/float64(p.Height))
	w := min(max(int(math.Round(float64(p.Width)*scale)), 1), width)
	h := min(max(int(math.Round(float64(p.Height)*scale)), 1), height)
	small := p.Resize(w, h)
	out := &Picture{width, height, make([]byte, 3*width*height)}
	left, top := (width-w)/2, (height-h)/2
	for y := range h {
		copy(out.Pixels[3*((top+y)*width+left):], small.Pixels[3*y*w:3*(y+1)*w])
	}
	return out
}
