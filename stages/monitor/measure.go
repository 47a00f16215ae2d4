package monitor

import (
	"math"
	"strconv"
	"unicode/utf8"

	"pipe/stages/image"
	"pipe/stages/sound"
	"pipe/stages/transform"
)

// measure is something that can be told of a value.
type measure struct {
	of, suffix string
	kind       Kind
}

// What is measured of columns. value is the value itself; a text has a length in
// characters and in tokens, and tokens that are unknown; files have a size, those
// of pictures and recordings also what people notice first.
var (
	value      = measure{of: "value"}
	length     = measure{"length", "_length", Numbers}
	tokens     = measure{"tokens", "_tokens", Numbers}
	unknown    = measure{"unknown", "_unknown", Rate}
	size       = measure{"bytes", "_bytes", Numbers}
	width      = measure{"width", "_width", Numbers}
	height     = measure{"height", "_height", Numbers}
	brightness = measure{"brightness", "_brightness", Numbers} // mean of all channels, 0 to 255
	contrast   = measure{"contrast", "_contrast", Numbers}     // their standard deviation
	seconds    = measure{"seconds", "_seconds", Numbers}
	loudness   = measure{"loudness", "_loudness", Numbers} // root of the mean square, in dB of full scale
)

// What is told of predictions.
const (
	label       = "label"
	number      = "number"
	probability = "probability"
)

// maxText bounds how much of a text is cut into tokens.
const maxText = 1 << 16

// head is the part of a text that is looked at.
func head(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// found takes what is measured of one value.
type found struct {
	number func(m measure, v float64)
	share  func(m measure, part, all int)
}

// length measures a text.
func (f found) length(s string) { f.number(length, float64(utf8.RuneCountInString(s))) }

// tokens measures what a model sees of a text; c may be nil.
func (f found) tokens(s string, c transform.Counter) {
	if c == nil {
		return
	}
	n, none := c.CountTokens(head(s))
	f.number(tokens, float64(n))
	f.share(unknown, none, n)
}

// file measures a file's bytes; one that is neither a picture nor a recording has a
// size only.
func (f found) file(b []byte) {
	f.number(size, float64(len(b)))
	if len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE" {
		if clip, err := sound.DecodeWAV(b); err == nil && clip.Rate > 0 {
			f.number(seconds, clip.Seconds())
			f.number(loudness, level(clip.Samples))
		}
		return
	}
	p, err := image.Decode(b)
	if err != nil {
		return
	}
	mean, deviation := spread(p.Pixels)
	f.number(width, float64(p.Width))
	f.number(height, float64(p.Height))
	f.number(brightness, mean)
	f.number(contrast, deviation)
}

// silence is the level of a recording without any sound.
const silence = -120

func level(samples []float32) float64 {
	sum := 0.0
	for _, v := range samples {
		sum += float64(float64(v) * float64(v))
	}
	if sum == 0 {
		return silence
	}
	return max(silence, 10*math.Log10(sum/float64(len(samples))))
}

// spread is exact: bytes are added up as whole numbers.
func spread(pixels []byte) (mean, deviation float64) {
	if len(pixels) == 0 {
		return 0, 0
	}
	var sum, squares int64
	for _, v := range pixels {
		sum += int64(v)
		squares += int64(v) * int64(v)
	}
	n := float64(len(pixels))
	mean = float64(sum) / n
	return mean, math.Sqrt(max(0, float64(squares)/n-float64(mean*mean)))
}

// category writes a label or another value of few as text; "" and false for what
// is none.
func category(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	}
	return "", false
}

// numeric gives a number's value.
func numeric(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float32:
		return float64(v), true
	}
	return 0, false
}
