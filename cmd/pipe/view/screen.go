package view

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// cells is how many columns of a terminal a text without control characters takes: two
// for East Asian wide characters and emoji, none for marks that combine with the
// character before them. Of a sequence of joined emoji it counts each.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cellsOf(r)
	}
	return n
}

// emojiStyle asks for the wide picture of the character before it.
const emojiStyle = '\ufe0f'

func cellsOf(r rune) int {
	switch {
	case r < 0x7f:
		return 1
	case r == emojiStyle:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) && r != '\u00ad':
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens a line to a number of cells.
func Cut(s string, n int) string {
	if n < 1 {
		return ""
	}
	if len(s) <= n || cells(s) <= n {
		return s
	}
	used := 0
	for i, r := range s {
		if used += cellsOf(r); used > n-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// pad fills a text with spaces up to a number of cells.
func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-cells(s)))
}

// Clean makes of what a program wrote what can stand on a terminal without moving the
// cursor, changing colours or ringing: escape sequences and control characters are left
// out, but for tabs and ends of lines, a carriage return begins its line anew, as
// progress bars want it, and a backspace takes a character back. Bytes that are no text
// become U+FFFD.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	b := make([]byte, 0, len(s))
	line := 0      // where the line begins
	fresh := false // a carriage return came, and nothing after it
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			fresh = false
			b = append(b, '\n')
			line = len(b)
		case r == '\r':
			fresh = true
		case r == '\b':
			if _, last := utf8.DecodeLastRune(b[line:]); !fresh {
				b = b[:len(b)-last]
			}
		case r == 0x1b || r >= 0x80 && r < 0xa0:
			size = escape(s[i:], r, size)
		case r == '\t' || !unicode.IsControl(r) && !turns(r):
			if fresh {
				b, fresh = b[:line], false
			}
			b = utf8.AppendRune(b, r)
		}
		i += size
	}
	return string(b)
}

// plain is whether there is nothing to clean.
func plain(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || turns(r) {
			return false
		}
	}
	return true
}

// turns is whether a character changes the direction of those behind it, so that a line
// reads as what it is not.
func turns(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// escape is the length of the escape sequence at the start of s (ECMA-48), whose first
// character is r; one that does not end on its line has the rest of it.
func escape(s string, r rune, size int) int {
	at := size
	kind := r - 0x80 + 0x40 // C1 characters stand for ESC and a letter
	if r == 0x1b {
		if at == len(s) {
			return at
		}
		kind = rune(s[at])
		at++
	}
	switch {
	case kind == '[': // parameters, then a letter
		for at < len(s) && s[at] >= 0x20 && s[at] < 0x40 {
			at++
		}
		if at < len(s) && s[at] >= 0x40 && s[at] < 0x7f {
			at++
		}
	case strings.ContainsRune("]PX^_", kind): // a text, up to BEL or ST
		for at < len(s) && s[at] != '\n' {
			switch {
			case s[at] == 0x07:
				return at + 1
			case strings.HasPrefix(s[at:], "\x1b\\"), strings.HasPrefix(s[at:], "\u009c"):
				return at + 2
			}
			at++
		}
	case kind >= 0x20 && kind < 0x30 && r == 0x1b:
		for at < len(s) && s[at] >= 0x20 && s[at] < 0x30 {
			at++
		}
		if at < len(s) && s[at] >= 0x30 && s[at] < 0x7f {
			at++
		}
	case kind < 0x20 || kind >= 0x7f: // no sequence: what follows is looked at by itself
		at = size
	}
	return at
}

// oneLine is a text that is shown on one line.
func oneLine(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Clean(s))
}
