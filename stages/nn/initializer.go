package nn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
)

// Initializer names how a parameter gets its first values. The names and the
// distributions are those of Keras 3.
type Initializer string

// The initialisers.
const (
	Zeros         Initializer = "zeros"
	Ones          Initializer = "ones"
	GlorotUniform Initializer = "glorot_uniform" // Glorot and Bengio 2010
	GlorotNormal  Initializer = "glorot_normal"
	HeUniform     Initializer = "he_uniform" // He et al. 2015
	HeNormal      Initializer = "he_normal"
	LecunUniform  Initializer = "lecun_uniform" // LeCun et al. 1998
	LecunNormal   Initializer = "lecun_normal"
	RandomUniform Initializer = "random_uniform" // between -0.05 and 0.05
	RandomNormal  Initializer = "random_normal"  // standard deviation 0.05
	Orthogonal    Initializer = "orthogonal"     // Saxe et al. 2013
)

// maxElements bounds a parameter, so that a slip of the pen in a configuration is an
// error and not the end of the process.
const maxElements = 1 << 32

// fill allocates the values of p and draws them. fanIn and fanOut are the numbers
// of inputs and outputs that one unit is joined to. Without rng, when stored
// weights are to follow, it does nothing.
func (i Initializer) fill(p *Param, fanIn, fanOut int, rng *rand.Rand) error {
	if rng == nil {
		return nil
	}
	elements := 1
	for _, d := range p.Shape {
		if d < 0 || d > 0 && elements > maxElements/d {
			return fmt.Errorf("%s of shape %v is too large", p.Name, p.Shape)
		}
		elements *= d
	}
	p.Data = make([]float32, elements)
	w := p.Data
	in, out := float64(fanIn), float64(fanOut)
	switch i {
	case Zeros:
		clear(w)
	case Ones:
		for j := range w {
			w[j] = 1
		}
	case GlorotUniform:
		fillUniform(w, math.Sqrt(6/(in+out)), rng)
	case HeUniform:
		fillUniform(w, math.Sqrt(6/in), rng)
	case LecunUniform:
		fillUniform(w, math.Sqrt(3/in), rng)
	case GlorotNormal:
		fillTruncated(w, math.Sqrt(2/(in+out)), rng)
	case HeNormal:
		fillTruncated(w, math.Sqrt(2/in), rng)
	case LecunNormal:
		fillTruncated(w, math.Sqrt(1/in), rng)
	case RandomUniform:
		fillUniform(w, 0.05, rng)
	case RandomNormal:
		for j := range w {
			w[j] = float32(0.05 * rng.NormFloat64())
		}
	case Orthogonal:
		fillOrthogonal(w, p.Shape[0], rng)
	default:
		return fmt.Errorf("unknown initializer %q", string(i))
	}
	return nil
}

func fillUniform(w []float32, limit float64, rng *rand.Rand) {
	for j := range w {
		w[j] = float32((2*rng.Float64() - 1) * limit)
	}
}

// fillTruncated draws from a normal distribution that is cut at two standard
// deviations and widened so that std is the deviation after the cut.
func fillTruncated(w []float32, std float64, rng *rand.Rand) {
	const left = 0.87962566103423978 // deviation of a unit normal cut at ±2
	for j := range w {
		x := rng.NormFloat64()
		for math.Abs(x) > 2 {
			x = rng.NormFloat64()
		}
		w[j] = float32(x * std / left)
	}
}

// fillOrthogonal makes the columns orthonormal, or the rows where there are
// fewer of them: Gram-Schmidt on random normal vectors, which is the Q of a QR
// decomposition with positive diagonal and so uniformly distributed (Mezzadri
// 2007).
func fillOrthogonal(w []float32, rows int, rng *rand.Rand) {
	cols := len(w) / rows
	long, short := max(rows, cols), min(rows, cols)
	vectors := make([][]float64, short)
	for i := range vectors {
		v := make([]float64, long)
		for j := range v {
			v[j] = rng.NormFloat64()
		}
		for _, u := range vectors[:i] {
			floats.AddScaled(v, -floats.Dot(u, v), u)
		}
		floats.Scale(1/floats.Norm(v, 2), v)
		vectors[i] = v
	}
	for r := range rows {
		for c := range cols {
			if rows >= cols {
				w[r*cols+c] = float32(vectors[c][r])
			} else {
				w[r*cols+c] = float32(vectors[r][c])
			}
		}
	}
}
