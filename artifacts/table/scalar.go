package table

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// text views b as a string for the moment of a call that keeps no reference to it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseInt64 reads a decimal integer with optional sign. ok is false for anything else
// and for what exceeds 64 bits.
func parseInt64(b []byte) (int64, bool) {
	digits := b
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		digits = b[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > 18 { // may not fit: the checked way
		v, err := strconv.ParseInt(text(b), 10, 64)
		return v, err == nil
	}
	var v int64
	for _, c := range digits {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	if neg {
		v = -v
	}
	return v, true
}

// parseUint64 is parseInt64 for unsigned columns.
func parseUint64(b []byte) (uint64, bool) {
	if len(b) > 0 && b[0] == '+' {
		b = b[1:]
	}
	if len(b) <= 18 {
		v, ok := parseInt64(b)
		return uint64(v), ok && b[0] != '-' && b[0] != '+'
	}
	v, err := strconv.ParseUint(text(b), 10, 64)
	return v, err == nil
}

// pow10 holds the powers of ten that float64 represents exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parseFloat64 reads a decimal number, or nan and inf in any case and with a sign. The
// result is the nearest float64; a number that is too large for one is not ok. Where
// the digits and the power of ten are both exact as float64, one division or
// multiplication rounds correctly (Clinger 1990); strconv does the rest.
func parseFloat64(b []byte) (float64, bool) {
	mantissa, exp, digits, neg, ok := splitDecimal(b)
	if !ok {
		return parseSpecialFloat(b)
	}
	if digits <= 19 && mantissa <= 1<<53 && exp >= -22 && exp <= 22 {
		v := float64(mantissa)
		if exp < 0 {
			v /= pow10[-exp]
		} else {
			v *= pow10[exp]
		}
		if neg {
			v = -v
		}
		return v, true
	}
	v, err := strconv.ParseFloat(text(b), 64)
	return v, err == nil
}

// splitDecimal takes [+-]digits[.digits][e[+-]digits] apart. The mantissa is exact
// only for digits <= 19.
func splitDecimal(b []byte) (mantissa uint64, exp, digits int, neg, ok bool) {
	i := 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits = i - start
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		exp = point - i
		digits += i - point
	}
	if digits == 0 {
		return 0, 0, 0, false, false
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		e, ok := parseInt64(b[i+1:])
		if !ok || e > 1<<20 || e < -1<<20 {
			return 0, 0, 0, false, false
		}
		exp += int(e)
		i = len(b)
	}
	return mantissa, exp, digits, neg, i == len(b)
}

func parseSpecialFloat(b []byte) (float64, bool) {
	sign := 1
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		if b[0] == '-' {
			sign = -1
		}
		b = b[1:]
	}
	switch len(b) {
	case 3:
		if equalFold(b, "nan") {
			return math.NaN(), true
		}
		if equalFold(b, "inf") {
			return math.Inf(sign), true
		}
	case 8:
		if equalFold(b, "infinity") {
			return math.Inf(sign), true
		}
	}
	return 0, false
}

// equalFold compares ASCII without regard to case; lower is in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func parseBool(b []byte) (v, ok bool) {
	if equalFold(b, "true") {
		return true, true
	}
	return false, equalFold(b, "false")
}

// hasLeadingZero tells identifiers like 007 and postal codes like 01139 from numbers:
// as a number they would lose their zeros.
func hasLeadingZero(b []byte) bool {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		b = b[1:]
	}
	return len(b) > 1 && b[0] == '0' && b[1]-'0' <= 9
}

// parseDecimal reads a decimal number as an unscaled 128-bit integer. Digits beyond
// the scale must be zeros; digits beyond the precision are not ok.
func parseDecimal(b []byte, precision, scale int32) (hi int64, lo uint64, ok bool) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	var high, low uint64
	fraction, digits, significant := int32(-1), 0, int32(0)
	push := func(d uint64) bool {
		if significant > 0 || d > 0 {
			significant++
		}
		carry, product := bits.Mul64(low, 10)
		var c uint64
		low, c = bits.Add64(product, d, 0)
		high = high*10 + carry + c
		return significant <= precision
	}
	for _, c := range b {
		switch {
		case c == '.' && fraction < 0:
			fraction = 0
		case c-'0' <= 9 && fraction >= scale:
			if c != '0' {
				return 0, 0, false
			}
			digits++
		case c-'0' <= 9:
			if !push(uint64(c - '0')) {
				return 0, 0, false
			}
			digits++
			if fraction >= 0 {
				fraction++
			}
		default:
			return 0, 0, false
		}
	}
	for f := max(fraction, 0); f < scale; f++ {
		if !push(0) {
			return 0, 0, false
		}
	}
	if neg {
		var borrow uint64
		low, borrow = bits.Sub64(0, low, 0)
		high, _ = bits.Sub64(0, high, borrow)
	}
	return int64(high), low, digits > 0
}
