package image

import "encoding/binary"

// exifOrientation finds the orientation, 1 to 8, in the EXIF of a JPEG (CIPA DC-008);
// 1, which changes nothing, where there is none or it cannot be read.
func exifOrientation(data []byte) int {
	for at := 2; at+4 <= len(data) && data[at] == 0xFF; {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xDA || size < 2 || at+2+size > len(data) {
			break
		}
		body := data[at+4 : at+2+size]
		if marker == 0xE1 && len(body) > 14 && string(body[:6]) == "Exif\x00\x00" {
			return tiffOrientation(body[6:])
		}
		at += 2 + size
	}
	return 1
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
