package table

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonValue scans one value of RFC 8259 at i, apart from objects, which tables do not
// hold. A message says what is wrong with it.
func jsonValue(b []byte, i int) (c cell, next int, msg string) {
	if i >= len(b) {
		return c, 0, "the value is missing: the line ends here"
	}
	switch ch := b[i]; {
	case ch == '"':
		return jsonText(b, i)
	case ch == '-' || ch-'0' <= 9:
		end := jsonNumberEnd(b, i)
		if end < 0 {
			return c, 0, "no number of JSON: " + rest(b, i)
		}
		return cell{off: uint32(i), end: uint32(end), kind: cellBare}, end, ""
	case ch == '[':
		return jsonArray(b, i)
	case ch == '{':
		return c, 0, "is an object; tables hold no nested objects: flatten it to keys of its own, or write it as a string"
	case bytes.HasPrefix(b[i:], []byte("null")):
		return cell{off: uint32(i), end: uint32(i + 4), kind: cellNull}, i + 4, ""
	case bytes.HasPrefix(b[i:], []byte("true")):
		return cell{off: uint32(i), end: uint32(i + 4), kind: cellBare}, i + 4, ""
	case bytes.HasPrefix(b[i:], []byte("false")):
		return cell{off: uint32(i), end: uint32(i + 5), kind: cellBare}, i + 5, ""
	}
	return c, 0, "no value of JSON: " + rest(b, i)
}

// jsonText scans a string. Its cell leaves the quotation marks out.
func jsonText(b []byte, i int) (c cell, next int, msg string) {
	kind := cellQuoted
	for j := i + 1; ; {
		n := stringPlain(b[j:])
		j += n
		switch {
		case j >= len(b):
			return c, 0, "a string is not closed: " + rest(b, i)
		case b[j] == '"':
			return cell{off: uint32(i + 1), end: uint32(j), kind: kind}, j + 1, ""
		case b[j] == '\\':
			kind = cellEscaped
			n := escapeLen(b[j:])
			if n == 0 {
				return c, 0, "no escape of JSON: " + rest(b, j)
			}
			j += n
		default:
			return c, 0, "a string has a control character; write it as \\u" + strconv.FormatInt(0x10000+int64(b[j]), 16)[1:]
		}
	}
}

// stringPlain counts the bytes before the next quotation mark, backslash or control
// character. Long texts are searched a vector at a time.
func stringPlain(b []byte) int {
	for i, c := range b[:min(len(b), 32)] {
		if c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	end := bytes.IndexByte(b, '"')
	if end < 0 {
		end = len(b)
	}
	if i := bytes.IndexByte(b[:end], '\\'); i >= 0 {
		end = i
	}
	for i, c := range b[:end] {
		if c < ' ' {
			return i
		}
	}
	return end
}

// escapeLen is the length of the escape at the start of b, both halves of a surrogate
// pair together, or 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	if b[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), b[1]) < 0 {
			return 0
		}
		return 2
	}
	r, ok := hex4(b[2:])
	if !ok {
		return 0
	}
	if !utf16.IsSurrogate(r) {
		return 6
	}
	if len(b) < 12 || b[6] != '\\' || b[7] != 'u' {
		return 0
	}
	low, ok := hex4(b[8:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0
	}
	return 12
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescapeJSON resolves the escapes of a string that jsonText accepted.
func unescapeJSON(dst, src []byte) []byte {
	for {
		i := bytes.IndexByte(src, '\\')
		if i < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:i]...)
		src = src[i:]
		n := escapeLen(src)
		switch src[1] {
		case 'u':
			r, _ := hex4(src[2:])
			if n == 12 {
				low, _ := hex4(src[8:])
				r = utf16.DecodeRune(r, low)
			}
			dst = utf8.AppendRune(dst, r)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, src[1])
		}
		src = src[n:]
	}
}

// jsonNumberEnd finds the end of the number at i, or -1 if it is none by the grammar:
// -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func jsonNumberEnd(b []byte, i int) int {
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	zero := i
	if !digits() || b[zero] == '0' && i > zero+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// jsonArray scans a list and all that is in it.
func jsonArray(b []byte, i int) (c cell, next int, msg string) {
	const deepest = 16
	depth := 0
	for j := i; ; {
		if b[j] == '[' {
			if depth++; depth > deepest {
				return c, 0, "lists are nested too deeply"
			}
			j = skipSpace(b, j+1)
			if j < len(b) && b[j] == '[' {
				continue
			}
			if j >= len(b) || b[j] != ']' {
				if _, j, msg = jsonValue(b, j); msg != "" {
					return c, 0, msg
				}
			}
		} else if _, j, msg = jsonValue(b, j); msg != "" {
			return c, 0, msg
		}
		// Behind a value, or at the bracket of an empty list.
		for {
			j = skipSpace(b, j)
			if j >= len(b) {
				return c, 0, "a list is not closed"
			}
			if b[j] != ']' {
				break
			}
			j++
			if depth--; depth == 0 {
				return cell{off: uint32(i), end: uint32(j), kind: cellList}, j, ""
			}
		}
		if b[j] != ',' {
			return c, 0, "the elements of a list must be separated by commas; is " + rest(b, j)
		}
		if j = skipSpace(b, j+1); j >= len(b) {
			return c, 0, "a list is not closed"
		}
	}
}

// listElements appends the cells of the elements of a list that jsonArray accepted.
func listElements(cells []cell, list []byte) []cell {
	i := skipSpace(list, 1)
	if list[i] == ']' {
		return cells
	}
	for {
		c, next, _ := jsonValue(list, i)
		cells = append(cells, c)
		i = skipSpace(list, next)
		if list[i] == ']' {
			return cells
		}
		i = skipSpace(list, i+1)
	}
}
