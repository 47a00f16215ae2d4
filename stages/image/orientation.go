package image

import (
	"bytes"
	"encoding/binary"
)

// exifOrientation finds the orientation, 1 to 8, in the EXIF of a JPEG (CIPA DC-008), a
// PNG or a WebP; 1, which changes nothing, where there is none or it cannot be read.
func exifOrientation(format string, data []byte) int {
	var tiff []byte
	switch format {
	case "jpeg":
		tiff = jpegEXIF(data)
	case "png":
		tiff = pngEXIF(data)
	case "webp":
		for name, body := range chunks(data[webpHeader:]) {
			if name == "EXIF" {
				tiff = bytes.TrimPrefix(body, exifMark)
			}
		}
	}
	if len(tiff) <= 8 {
		return 1
	}
	return tiffOrientation(tiff)
}

var exifMark = []byte("Exif\x00\x00")

func jpegEXIF(data []byte) []byte {
	for at := 2; at+4 <= len(data) && data[at] == 0xFF; {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xDA || size < 2 || at+2+size > len(data) {
			break
		}
		if tiff, ok := bytes.CutPrefix(data[at+4:at+2+size], exifMark); ok && marker == 0xE1 {
			return tiff
		}
		at += 2 + size
	}
	return nil
}

func pngEXIF(data []byte) []byte {
	for at := 8; at+12 <= len(data); {
		size := int(binary.BigEndian.Uint32(data[at:]))
		if size > len(data)-at-12 {
			break
		}
		if string(data[at+4:at+8]) == "eXIf" {
			return data[at+8 : at+8+size]
		}
		at += 12 + size
	}
	return nil
}

// tiffOrientation looks for tag 0x112 in the first directory.
func tiffOrientation(tiff []byte) int {
	var order binary.ByteOrder
	switch string(tiff[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	at := int(order.Uint32(tiff[4:]))
	if at < 8 || at+2 > len(tiff) {
		return 1
	}
	for i := range int(order.Uint16(tiff[at:])) {
		entry := at + 2 + 12*i
		if entry+12 > len(tiff) {
			break
		}
		if order.Uint16(tiff[entry:]) == 0x112 {
			if v := int(order.Uint16(tiff[entry+8:])); 1 <= v && v <= 8 {
				return v
			}
		}
	}
	return 1
}

// oriented gives the picture as it is to be looked at.
func (p *Picture) oriented(orientation int) *Picture {
	if orientation <= 1 {
		return p
	}
	out := &Picture{p.Width, p.Height, make([]byte, len(p.Pixels))}
	if orientation >= 5 {
		out.Width, out.Height = p.Height, p.Width
	}
	w, h := p.Width-1, p.Height-1
	for y := range out.Height {
		for x := range out.Width {
			fx, fy := x, y
			switch orientation {
			case 2:
				fx = w - x
			case 3:
				fx, fy = w-x, h-y
			case 4:
				fy = h - y
			case 5:
				fx, fy = y, x
			case 6:
				fx, fy = y, h-x
			case 7:
				fx, fy = w-y, h-x
			case 8:
				fx, fy = w-y, x
			}
			copy(out.Pixels[3*(y*out.Width+x):][:3], p.Pixels[3*(fy*p.Width+fx):])
		}
	}
	return out
}
