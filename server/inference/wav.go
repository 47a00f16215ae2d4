package inference

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// readWAV reads a RIFF/WAVE file of PCM (8 to 32 bits) or IEEE floats (32 bits)
// as mono samples from -1 to 1; channels are averaged.
func readWAV(b []byte) (samples []float32, rate int, err error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, 0, errors.New("it does not begin with RIFF and WAVE")
	}
	var format, channels, bits int
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if id == "data" && size > int64(len(b)) {
			return nil, 0, fmt.Errorf("it is cut off: %d of %d bytes of sound are there", len(b), size)
		}
		if size > int64(len(b)) {
			return nil, 0, fmt.Errorf("its part %q is cut off", id)
		}
		part := b[:size]
		b = b[min(size+size%2, int64(len(b))):]
		switch id {
		case "fmt ":
			if len(part) < 16 {
				return nil, 0, errors.New("its format is cut off")
			}
			format, channels = int(binary.LittleEndian.Uint16(part)), int(binary.LittleEndian.Uint16(part[2:]))
			rate, bits = int(binary.LittleEndian.Uint32(part[4:])), int(binary.LittleEndian.Uint16(part[14:]))
			if format == 0xfffe && len(part) >= 26 { // extensible: the format is the beginning of a GUID
				format = int(binary.LittleEndian.Uint16(part[24:]))
			}
			if rate < 1000 || rate > 768_000 || channels < 1 || channels > 64 {
				return nil, 0, fmt.Errorf("it has %d channels of %d samples a second", channels, rate)
			}
		case "data":
			if rate == 0 {
				return nil, 0, errors.New("its sound comes before its format")
			}
			samples, err = mono(part, format, channels, bits)
			return samples, rate, err
		}
	}
	return nil, 0, errors.New("it has no sound")
}

func mono(b []byte, format, channels, bits int) ([]float32, error) {
	if !(format == 1 && (bits == 8 || bits == 16 || bits == 24 || bits == 32) || format == 3 && bits == 32) {
		return nil, fmt.Errorf("its samples are of format %d with %d bits; PCM of 8 to 32 bits and floats of 32 are read", format, bits)
	}
	width := bits / 8
	frame := width * channels
	out := make([]float32, len(b)/frame)
	for i := range out {
		sum := 0.0
		for c := range channels {
			sum += sampleAt(b[i*frame+c*width:], format, bits)
		}
		out[i] = float32(sum / float64(channels))
	}
	return out, nil
}

func sampleAt(b []byte, format, bits int) float64 {
	if format == 3 {
		v := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		if math.IsNaN(v) {
			return 0
		}
		return max(-1, min(1, v))
	}
	switch bits {
	case 8:
		return float64(int(b[0])-128) / 128
	case 16:
		return float64(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case 24:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
	}
	return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
}
