package sound

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// wavFile writes a WAV file of any coding by hand.
func wavFile(coding, channels, rate, bits int, data []byte, extensible bool) []byte {
	u16, u32 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint32
	written := coding
	if extensible {
		written = wavExtensible
	}
	f := u16(u16(nil, uint16(written)), uint16(channels))
	f = u32(u32(f, uint32(rate)), uint32(rate*channels*bits/8))
	f = u16(u16(f, uint16(channels*bits/8)), uint16(bits))
	if extensible {
		f = append(u32(u16(u16(f, 22), uint16(bits)), 0), make([]byte, 16)...)
		binary.LittleEndian.PutUint16(f[24:], uint16(coding))
	}
	b := append([]byte("RIFF\x00\x00\x00\x00WAVE"), "LIST\x05\x00\x00\x00odd!!\x00"...) // a chunk of odd length
	b = append(u32(append(b, "fmt "...), uint32(len(f))), f...)
	return append(u32(append(b, "data"...), uint32(len(data))), data...)
}

func TestCodingsOfWAV(t *testing.T) {
	want := []float32{0, 0.5, -0.5, -1, 0.25}
	put := map[string]func(float32) []byte{
		"1/8":  func(x float32) []byte { return []byte{byte(x*128 + 128)} },
		"1/16": func(x float32) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(int16(x*(1<<15)))) },
		"1/24": func(x float32) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(int32(x*(1<<23))))[:3] },
		"1/32": func(x float32) []byte {
			return binary.LittleEndian.AppendUint32(nil, uint32(int32(float64(x)*(1<<31))))
		},
		"3/32": func(x float32) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)) },
		"3/64": func(x float32) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(x))) },
	}
	forms := map[string][2]int{"1/8": {1, 8}, "1/16": {1, 16}, "1/24": {1, 24}, "1/32": {1, 32}, "3/32": {3, 32}, "3/64": {3, 64}}
	for name, f := range forms {
		for _, channels := range []int{1, 3} {
			var data []byte
			for _, x := range want {
				for range channels {
					data = append(data, put[name](x)...)
				}
			}
			for _, extensible := range []bool{false, true} {
				c, err := DecodeWAV(wavFile(f[0], channels, 8000, f[1], data, extensible))
				if err != nil || c.Rate != 8000 || len(c.Samples) != len(want) {
					t.Fatalf("%s, %d channels: %d samples at %d, %v", name, channels, len(c.Samples), c.Rate, err)
				}
				for i := range want {
					if math.Abs(float64(c.Samples[i]-want[i])) > 1e-6 {
						t.Errorf("%s, %d channels: sample %d is %v, want %v", name, channels, i, c.Samples[i], want[i])
					}
				}
			}
		}
	}
}

// The values are those of ITU-T G.711's tables, in units of 16 bits.
func TestTelephoneCodings(t *testing.T) {
	for code, want := range map[byte]float32{0x00: -32124, 0x80: 32124, 0xff: 0, 0x7f: 0, 0xf0: 120, 0x8f: 16764} {
		if got := muLaw(code) * (1 << 15); got != want {
			t.Errorf("µ-law %#02x is %v, want %v", code, got, want)
		}
	}
	for code, want := range map[byte]float32{0xd5: 8, 0x55: -8, 0x2a: -32256, 0xaa: 32256, 0x80: 5504, 0x85: 4224} {
		if got := aLaw(code) * (1 << 15); got != want {
			t.Errorf("A-law %#02x is %v, want %v", code, got, want)
		}
	}
}

func TestBadWAV(t *testing.T) {
	good := wavFile(1, 1, 8000, 16, make([]byte, 100), false)
	change := func(f func([]byte)) []byte { b := bytes.Clone(good); f(b); return b }
	at := bytes.Index(good, []byte("fmt ")) + 8
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	for want, b := range map[string][]byte{
		"it is an MP3 file; convert it first": []byte("ID3 and so on"),
		"is an MP3 file":                      []byte("\xff\xfb\x90\x64 and so on"),
		"it is a FLAC file":                   []byte("fLaC and so on"),
		"it is an MP4 or M4A file":            []byte("\x00\x00\x00\x20ftypM4A and so on"),
		"file: it is empty":                   {},
		"it begins with \"hello, world\"":     []byte("hello, world, this is text"),
		"4 bytes for 1 samples of 16 bits":    change(func(b []byte) { b[at+12] = 4 }),
		"cut short or damaged":                good[:len(good)-3],
		"the file ends before its samples":    good[:at+16],
		"channels; 1 to 64":                   change(func(b []byte) { b[at+2] = 0 }),
		"samples a second; 1000 to":           change(func(b []byte) { copy(b[at+4:], "\xff\xff\xff\xff") }),
		"samples of 17 bits in coding 1":      change(func(b []byte) { b[at+14] = 17 }),
		"samples of 16 bits in coding 85":     change(func(b []byte) { b[at] = 85 }),
		"come before the chunk":               append([]byte("RIFF\x00\x00\x00\x00WAVE"), "data\x00\x00\x00\x00"...),
		"sample 0 is NaN, which is no numbe":  wavFile(3, 1, 8000, 32, nan, false),
	} {
		if _, err := DecodeWAV(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	// A program that streams does not know the length when it begins.
	streamed := change(func(b []byte) { copy(b[len(b)-104:], "\xff\xff\xff\xff") })
	if c, err := DecodeWAV(streamed); err != nil || len(c.Samples) != 50 {
		t.Errorf("%d samples, %v", len(c.Samples), err)
	}
}

func FuzzDecodeWAV(f *testing.F) {
	f.Add(wavFile(1, 1, 8000, 16, make([]byte, 20), false))
	f.Add(wavFile(7, 2, 8000, 8, make([]byte, 20), true))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeWAV(b)
		if err == nil && (len(c.Samples) > len(b) || c.Rate < MinRate) {
			t.Errorf("%d bytes became %d samples at %d", len(b), len(c.Samples), c.Rate)
		}
	})
}

func TestEncodedWAVIsDecoded(t *testing.T) {
	want := testClip(8000, 400)
	want.Samples[0], want.Samples[1] = 1.5, -1.5 // clipped
	got, err := DecodeWAV(EncodeWAV(want))
	if err != nil || got.Rate != want.Rate || len(got.Samples) != len(want.Samples) {
		t.Fatal(len(got.Samples), got.Rate, err)
	}
	for i, s := range got.Samples {
		if x := min(max(want.Samples[i], -1), 1); math.Abs(float64(s-x)) > 1.0/(1<<15) {
			t.Errorf("sample %d is %v, want %v", i, s, x)
		}
	}
}

func tone(rate, n int, hz float64) Clip {
	c := Clip{Rate: rate, Samples: make([]float32, n)}
	for i := range c.Samples {
		c.Samples[i] = float32(0.5 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return c
}

// loudness is the root of the mean power of the middle, where no end is near.
func loudness(x []float32) float64 {
	x = x[len(x)/4 : 3*len(x)/4]
	var sum float64
	for _, s := range x {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(len(x)))
}

func TestResampleKeepsATone(t *testing.T) {
	for _, r := range [][2]int{{8000, 16000}, {16000, 8000}, {44100, 16000}, {8000, 11025}, {48000, 8000}} {
		const hz = 700
		got, err := Resample(tone(r[0], r[0], hz), r[1])
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Samples) != r[1] {
			t.Fatalf("%v: %d samples", r, len(got.Samples))
		}
		want := tone(r[1], r[1], hz)
		diff := make([]float32, r[1])
		for i := range diff {
			diff[i] = got.Samples[i] - want.Samples[i]
		}
		if db := 20 * math.Log10(loudness(diff)/loudness(want.Samples)); db > -70 {
			t.Errorf("%v: what is added is %.1f dB", r, db)
		}
	}
	// What the new rate cannot hold is kept out, and not mirrored.
	got, err := Resample(tone(16000, 16000, 6500), 8000)
	if err != nil {
		t.Fatal(err)
	}
	if db := 20 * math.Log10(loudness(got.Samples)/(0.5/math.Sqrt2)); db > -70 {
		t.Errorf("a tone above the new range is there with %.1f dB", db)
	}
}

// pitchOf counts how often the middle of a tone rises through zero in a second.
func pitchOf(c Clip) float64 {
	x := c.Samples[len(c.Samples)/4 : 3*len(c.Samples)/4]
	n := 0
	for i := 1; i < len(x); i++ {
		if x[i-1] < 0 && x[i] >= 0 {
			n++
		}
	}
	return float64(n) * float64(c.Rate) / float64(len(x))
}

func TestChanges(t *testing.T) {
	c := tone(8000, 16000, 440)
	fast := Speed(c, 1.1)
	if got := float64(len(fast.Samples)); math.Abs(got-16000/1.1) > 2 || math.Abs(pitchOf(fast)-484) > 3 {
		t.Errorf("faster: %v samples of %v Hz", got, pitchOf(fast))
	}
	for _, semitones := range []float64{-3, 2} {
		moved := Pitch(c, semitones)
		want := 440 * math.Exp2(semitones/12)
		if len(moved.Samples) != len(c.Samples) || math.Abs(pitchOf(moved)-want) > 4 {
			t.Errorf("%v semitones: %d samples of %v Hz, want %v", semitones, len(moved.Samples), pitchOf(moved), want)
		}
		if ratio := loudness(moved.Samples) / loudness(c.Samples); ratio < 0.8 || ratio > 1.2 {
			t.Errorf("%v semitones: %.2f times as loud", semitones, ratio)
		}
	}
	if s := Shift(c, 5).Samples; s[4] != 0 || s[5] != c.Samples[0] || Shift(c, -5).Samples[0] != c.Samples[5] {
		t.Error("a shift moves the samples elsewhere")
	}
	noisy := Noise(c, 20, rand.New(rand.NewPCG(1, 2)))
	diff := make([]float32, len(c.Samples))
	for i := range diff {
		diff[i] = noisy.Samples[i] - c.Samples[i]
	}
	if db := 20 * math.Log10(loudness(diff)/loudness(c.Samples)); math.Abs(db+20) > 1 {
		t.Errorf("noise of %.1f dB, want -20", db)
	}
	if ratio := loudness(Gain(c, 6).Samples) / loudness(c.Samples); math.Abs(ratio-1.995) > 0.01 {
		t.Errorf("6 dB are a factor of %v", ratio)
	}
}

// The numbers are librosa 0.11's, for a machine without Python.
func TestFeaturesOfATone(t *testing.T) {
	e, err := NewExtractor(Config{Rate: 8000, FFT: 256, Hop: 80, Mels: 8, TopDB: 80})
	if err != nil {
		t.Fatal(err)
	}
	got := e.Append(nil, tone(8000, 400, 440).Samples)
	if len(got) != 6*8 {
		t.Fatalf("%d numbers", len(got))
	}
	for i, want := range goldenTone {
		if math.Abs(float64(got[2*8+i]-want)) > 1e-3 {
			t.Errorf("band %d of the third frame is %v, librosa has %v", i, got[2*8+i], want)
		}
	}
}

var goldenTone = []float32{2.6306, 6.0900, -53.6926, -73.9100, -73.9100, -73.9100, -73.9100, -73.9100}
