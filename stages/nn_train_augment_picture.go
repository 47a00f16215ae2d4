package stages

import "math/rand/v2"

// picture zooms, moves, mirrors and changes the colours.
func (a *Augment) picture(x []float32, shape []int, rng *rand.Rand, room []float32) {
	height, width, channels := shape[0], shape[1], shape[2]
	if a.Zoom > 0 {
		zoom(x, shape, rng, a.Zoom, room)
	}
	dx, dy, mirror := 0, 0, false
	if a.Shift > 0 {
		dx, dy = rng.IntN(2*a.Shift+1)-a.Shift, rng.IntN(2*a.Shift+1)-a.Shift
	}
	if a.Flip {
		mirror = rng.IntN(2) == 1
	}
	if dx != 0 || dy != 0 || mirror {
		copy(room, x)
		dark := darkest(x, channels)
		for y := range height {
			for at := range width {
				to := x[(y*width+at)*channels:][:channels]
				fx, fy := at-dx, y-dy
				if mirror {
					fx = width - 1 - fx
				}
				if fx < 0 || fx >= width || fy < 0 || fy >= height {
					copy(to, dark)
					continue
				}
				copy(to, room[(fy*width+fx)*channels:][:channels])
			}
		}
	}
	if a.Contrast > 0 {
		spread(x, len(x), float32(1+a.Contrast*(2*rng.Float64()-1)))
	}
	if a.Saturation > 0 && channels > 1 {
		spread(x, channels, float32(1+a.Saturation*(2*rng.Float64()-1)))
	}
}

// spread moves the values of each group of n away from their mean, or towards it.
func spread(x []float32, n int, factor float32) {
	for at := 0; at < len(x); at += n {
		group, sum := x[at:at+n], float64(0)
		for _, v := range group {
			sum += float64(v)
		}
		mean := float32(sum / float64(n))
		for i, v := range group {
			group[i] = mean + factor*(v-mean)
		}
	}
}

// zoom enlarges a window of the picture, which is somewhere in it and has at least
// 1-most of each side, to the whole, between pixels by the bilinear mean.
func zoom(x []float32, shape []int, rng *rand.Rand, most float64, room []float32) {
	height, width, channels := shape[0], shape[1], shape[2]
	share := 1 - most*rng.Float64()
	left, top := rng.Float64()*(1-share)*float64(width), rng.Float64()*(1-share)*float64(height)
	copy(room, x)
	for y := range height {
		y0, y1, wy := between(top, share, y, height)
		for at := range width {
			x0, x1, wx := between(left, share, at, width)
			for c := range channels {
				v := func(y, x int) float32 { return room[(y*width+x)*channels+c] }
				upper, lower := v(y0, x0)+wx*(v(y0, x1)-v(y0, x0)), v(y1, x0)+wx*(v(y1, x1)-v(y1, x0))
				x[(y*width+at)*channels+c] = upper + wy*(lower-upper)
			}
		}
	}
}

// between gives the two pixels of n between which pixel at of a window lies, and the
// weight of the second. Pixels have their values in their middles.
func between(start, share float64, at, n int) (a, b int, weight float32) {
	place := min(max(start+share*(float64(at)+0.5)-0.5, 0), float64(n-1))
	a = int(place)
	return a, min(a+1, n-1), float32(place - float64(a))
}
