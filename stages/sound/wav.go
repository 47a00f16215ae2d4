package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The codings of samples that are read, by their numbers in the header
// (Microsoft's mmreg.h; RFC 2361).
const (
	wavPCM        = 1
	wavFloat      = 3
	wavALaw       = 6
	wavMuLaw      = 7
	wavExtensible = 0xFFFE
)

// maxChannels is more than any microphone array writes into one file.
const maxChannels = 64

type wavFormat struct {
	coding, channels, rate, bits int
}

// DecodeWAV reads a RIFF/WAVE file: PCM of 8, 16, 24 and 32 bits, floats of 32
// and 64 bits, A-law and µ-law (ITU-T G.711), of any number of channels, whose
// mean is taken. A data chunk that claims to be longer than the file is an error,
// except for the lengths 0 and 2³²-1, which programs write that do not know the
// length when they begin.
func DecodeWAV(b []byte) (Clip, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return Clip{}, noWAV(b)
	}
	var f *wavFormat
	for at := 12; at+8 <= len(b); {
		name, size := string(b[at:at+4]), int64(binary.LittleEndian.Uint32(b[at+4:]))
		at += 8
		rest := b[at:]
		switch name {
		case "fmt ":
			if size > int64(len(rest)) {
				return Clip{}, cut("fmt ", size, len(rest))
			}
			var err error
			if f, err = parseFormat(rest[:size]); err != nil {
				return Clip{}, err
			}
		case "data":
			if f == nil {
				return Clip{}, errors.New("WAV: the samples come before the chunk that says how they are coded")
			}
			unknown := size == math.MaxUint32 || size == 0
			if !unknown && size > int64(len(rest)) {
				return Clip{}, cut("data", size, len(rest))
			}
			if unknown {
				size = int64(len(rest))
			}
			return f.decode(rest[:size])
		}
		if size > int64(len(rest)) {
			return Clip{}, cut(name, size, len(rest))
		}
		at += int(size + size&1) // chunks begin at even places
	}
	return Clip{}, errors.New("WAV: the file ends before its samples")
}

// others are what people give the name of a WAV file to, by how it begins.
var others = []struct{ begins, name string }{
	{"ID3", "an MP3 file"}, {"\xff\xfb", "an MP3 file"}, {"\xff\xf3", "an MP3 file"}, {"\xff\xf2", "an MP3 file"}, {"fLaC", "a FLAC file"}, {"OggS", "an Ogg file"},
	{"RF64", "an RF64 file"}, {"RIFX", "a RIFX file, with the bytes of its numbers the other way round"}, {"FORM", "an AIFF file"}, {".snd", "an AU file"}, {"\x1aE\xdf\xa3", "a Matroska or WebM file"},
}

// noWAV says what a file is that is none.
func noWAV(b []byte) error {
	if len(b) == 0 {
		return errors.New("this is no WAV file: it is empty")
	}
	const convert = "; convert it first, as with ffmpeg -i FILE out.wav"
	for _, o := range others {
		if bytes.HasPrefix(b, []byte(o.begins)) {
			return fmt.Errorf("this is no WAV file: it is %s%s", o.name, convert)
		}
	}
	if len(b) >= 8 && string(b[4:8]) == "ftyp" {
		return fmt.Errorf("this is no WAV file: it is an MP4 or M4A file%s", convert)
	}
	return fmt.Errorf("this is no WAV file: it begins with %q and not with RIFF and WAVE", b[:min(len(b), 12)])
}

func cut(chunk string, size int64, have int) error {
	return fmt.Errorf("WAV: the chunk %q should have %d bytes and %d are there: the file is cut short or damaged", chunk, size, have)
}

func parseFormat(b []byte) (*wavFormat, error) {
	if len(b) < 16 {
		return nil, fmt.Errorf("WAV: the chunk \"fmt \" has %d bytes and needs 16", len(b))
	}
	f := &wavFormat{
		coding: int(binary.LittleEndian.Uint16(b)), channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate: int(binary.LittleEndian.Uint32(b[4:])), bits: int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.coding == wavExtensible && len(b) >= 26 {
		f.coding = int(binary.LittleEndian.Uint16(b[24:]))
	}
	switch {
	case f.channels < 1 || f.channels > maxChannels:
		return nil, fmt.Errorf("WAV: it claims to have %d channels; 1 to %d are read", f.channels, maxChannels)
	case f.rate < MinRate || f.rate > MaxRate:
		return nil, fmt.Errorf("WAV: it claims to have %d samples a second; %d to %d are read", f.rate, MinRate, MaxRate)
	}
	if frame := int(binary.LittleEndian.Uint16(b[12:])); frame != 0 && sampleReader(f.coding, f.bits) != nil && frame != f.channels*f.bits/8 {
		return nil, fmt.Errorf("WAV: it claims to have %d bytes for %d samples of %d bits", frame, f.channels, f.bits)
	}
	if sampleReader(f.coding, f.bits) == nil {
		return nil, fmt.Errorf("WAV: samples of %d bits in coding %d cannot be read (known: PCM of 8, 16, 24 and 32 bits, floats of 32 and 64, A-law, µ-law)", f.bits, f.coding)
	}
	return f, nil
}

// sampleReader gives a function that reads one sample, nil where the coding is
// not known.
func sampleReader(coding, bits int) func([]byte) float32 {
	switch [2]int{coding, bits} {
	case [2]int{wavPCM, 8}: // the only one without a sign
		return func(b []byte) float32 { return (float32(b[0]) - 128) / 128 }
	case [2]int{wavPCM, 16}:
		return func(b []byte) float32 { return float32(int16(binary.LittleEndian.Uint16(b))) / (1 << 15) }
	case [2]int{wavPCM, 24}:
		return func(b []byte) float32 {
			return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
		}
	case [2]int{wavPCM, 32}:
		return func(b []byte) float32 { return float32(int32(binary.LittleEndian.Uint32(b))) / (1 << 31) }
	case [2]int{wavFloat, 32}:
		return func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }
	case [2]int{wavFloat, 64}:
		return func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }
	case [2]int{wavALaw, 8}:
		return func(b []byte) float32 { return aLaw(b[0]) }
	case [2]int{wavMuLaw, 8}:
		return func(b []byte) float32 { return muLaw(b[0]) }
	}
	return nil
}

func (f *wavFormat) decode(b []byte) (Clip, error) {
	read, width := sampleReader(f.coding, f.bits), f.bits/8
	frame := width * f.channels
	c := Clip{Rate: f.rate, Samples: make([]float32, len(b)/frame)}
	for i := range c.Samples {
		var sum float32
		for k := range f.channels {
			sum += read(b[i*frame+k*width:])
		}
		s := sum / float32(f.channels)
		if s-s != 0 {
			return Clip{}, fmt.Errorf("WAV: sample %d is %v, which is no number", i, s)
		}
		c.Samples[i] = s
	}
	return c, nil
}

// muLaw expands a byte of ITU-T G.711 µ-law to a sample of 14 bits.
func muLaw(u byte) float32 {
	u = ^u
	magnitude := (int(u&0x0f)<<3+0x84)<<(u>>4&7) - 0x84
	if u&0x80 != 0 {
		magnitude = -magnitude
	}
	return float32(magnitude) / (1 << 15)
}

// aLaw expands a byte of ITU-T G.711 A-law to a sample of 13 bits.
func aLaw(a byte) float32 {
	a ^= 0x55
	magnitude := int(a&0x0f)<<4 + 8
	if segment := a >> 4 & 7; segment > 0 {
		magnitude = (magnitude + 0x100) << (segment - 1)
	}
	if a&0x80 == 0 {
		magnitude = -magnitude
	}
	return float32(magnitude) / (1 << 15)
}

// EncodeWAV writes a clip as PCM of 16 bits; what is louder than can be written
// is clipped.
func EncodeWAV(c Clip) []byte {
	data := 2 * len(c.Samples)
	b := make([]byte, 0, 44+data)
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+data))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{wavPCM, 1} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(c.Rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*c.Rate))
	for _, v := range []uint16{2, 16} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(data))
	for _, s := range c.Samples {
		v := math.RoundToEven(float64(s) * (1 << 15))
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(min(max(v, math.MinInt16), math.MaxInt16))))
	}
	return b
}
