package image

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"
)

// corner is a picture of 3×2 pixels whose first is red.
func corner() *Picture {
	p := &Picture{3, 2, make([]byte, 18)}
	for i := range p.Pixels {
		p.Pixels[i] = byte(10 * i)
	}
	return p
}

func TestOrientation(t *testing.T) {
	p := corner()
	at := func(p *Picture, x, y int) byte { return p.Pixels[3*(y*p.Width+x)] }
	for o, want := range map[int][4]byte{ // the corners: left above, right above, left below, right below
		1: {0, 60, 90, 150}, 2: {60, 0, 150, 90}, 3: {150, 90, 60, 0}, 4: {90, 150, 0, 60},
		5: {0, 90, 60, 150}, 6: {90, 0, 150, 60}, 7: {150, 60, 90, 0}, 8: {60, 150, 0, 90},
	} {
		q := p.oriented(o)
		if got := [4]byte{at(q, 0, 0), at(q, q.Width-1, 0), at(q, 0, q.Height-1), at(q, q.Width-1, q.Height-1)}; got != want {
			t.Errorf("orientation %d: corners %v, want %v", o, got, want)
		}
	}
}

// withEXIF puts an orientation into a JPEG.
func withEXIF(file []byte, order binary.AppendByteOrder, mark string, orientation uint16) []byte {
	tiff := []byte(mark)
	tiff = order.AppendUint16(tiff, 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, orientation)
	tiff = order.AppendUint16(tiff, 0)
	body := append([]byte("Exif\x00\x00"), tiff...)
	segment := append([]byte{0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(slices.Clone(file[:2]), append(segment, body...)...), file[2:]...)
}

func TestDecode(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	for y := range 20 {
		for x := range 40 {
			img.SetNRGBA(x, y, color.NRGBA{200, 0, 0, 255})
		}
	}
	img.SetNRGBA(0, 0, color.NRGBA{200, 0, 0, 0})
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	p, err := Decode(file.Bytes())
	if err != nil || p.Width != 40 || p.Height != 20 || !slices.Equal(p.Pixels[:6], []byte{255, 255, 255, 200, 0, 0}) {
		t.Errorf("%v %v", p.Pixels[:6], err)
	}
	file.Reset()
	if err := jpeg.Encode(&file, img, nil); err != nil {
		t.Fatal(err)
	}
	for _, f := range [][]byte{withEXIF(file.Bytes(), binary.LittleEndian, "II", 6), withEXIF(file.Bytes(), binary.BigEndian, "MM", 6)} {
		if p, err := Decode(f); err != nil || p.Width != 20 || p.Height != 40 {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// TestBadPictures: the message says what is wrong, and what the file may be instead.
func TestBadPictures(t *testing.T) {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 40, 20)), nil); err != nil {
		t.Fatal(err)
	}
	claims := func(width, height uint32) []byte {
		header := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
		header = append(binary.BigEndian.AppendUint32(header, height), 8, 0, 0, 0, 0)
		chunk := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"+string(header)), crc32.ChecksumIEEE(header))
		return append(chunk, "\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e"...)
	}
	for want, data := range map[string][]byte{
		"the file is empty": nil, "it is no picture in JPEG, PNG, GIF, WebP or BMP": []byte("hello"),
		"it looks like HEIC: save it as JPEG":                              []byte("\x00\x00\x00\x18ftypheic"),
		"it looks like a web page":                                         []byte("<!DOCTYPE html><title>404</title>"),
		"the jpeg is damaged":                                              file.Bytes()[:file.Len()-20],
		"the jpeg is damaged: unexpected EOF":                              file.Bytes()[:20],
		"45 bytes claim 30000×30000 pixels; more than 134 million are not": claims(30000, 30000),
		"the png cannot be read: unsupported feature: dimension overflow":  claims(1<<31-1, 1<<31-1),
	} {
		if _, err := Decode(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestWebP: a lossy file is as bright as it was, and of several frames the first counts.
// Both files are Pillow's: Image.new("RGB", (4, 2), …).save(…, "WEBP").
func TestWebP(t *testing.T) {
	for file, want := range map[string][]byte{
		"UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoEAAIAAUAmJaQAA3AA/vz0AAA=": {255, 255, 255},
		"UklGRoQAAABXRUJQVlA4WAoAAAACAAAAAwAAAQAAQU5JTQYAAAAAAAAAAABBTk1GKAAAAAAAAAAAAAMAAAEAAAAAAAJWUDhMDwAAAC8DQAAABxD9j/4HIqL/AQBBTk1GKAAAAAAAAAAAAAMAAAEAAAAAAABWUDhMDwAAAC8DQAAABxDR//4HIqL/AQA=": {255, 0, 0},
	} {
		data, err := base64.StdEncoding.DecodeString(file)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := Decode(data); err != nil || p.Width != 4 || p.Height != 2 || !slices.Equal(p.Pixels[:3], want) {
			t.Errorf("%+v, %v, want %v", p, err, want)
		}
	}
}

// The numbers are Pillow 12's: Image.resize with the bilinear filter.
func TestResize(t *testing.T) {
	row := &Picture{4, 1, []byte{0, 0, 0, 100, 100, 100, 200, 200, 200, 40, 40, 40}}
	for width, want := range map[int][]byte{2: {71, 117}, 8: {0, 25, 75, 125, 175, 160, 80, 40}, 4: {0, 100, 200, 40}} {
		got := row.Resize(width, 1)
		for x, w := range want {
			if got.Pixels[3*x] != w {
				t.Errorf("width %d: pixel %d is %d, want %d", width, x, got.Pixels[3*x], w)
			}
		}
	}
	p := corner()
	if c := p.Cover(2, 2); c.Width != 2 || c.Height != 2 {
		t.Errorf("%+v", c)
	}
	if c := p.Contain(6, 6); c.Pixels[0] != 0 || c.Width != 6 || c.Height != 6 {
		t.Errorf("%+v", c)
	}
}

func FuzzDecode(f *testing.F) {
	var file bytes.Buffer
	png.Encode(&file, image.NewGray(image.Rect(0, 0, 3, 3)))
	f.Add(file.Bytes())
	file.Reset()
	jpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 3, 3)), nil)
	f.Add(withEXIF(file.Bytes(), binary.LittleEndian, "II", 8))
	f.Add([]byte("RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x01\x00\x00ANMF\x18\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		if p, err := Decode(data); err == nil && len(p.Pixels) != 3*p.Width*p.Height {
			t.Errorf("%d×%d pixels in %d bytes", p.Width, p.Height, len(p.Pixels))
		}
	})
}
