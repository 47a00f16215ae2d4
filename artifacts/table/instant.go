package table

import (
	"fmt"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// instant is an ISO 8601 date, or date and time, taken apart. Only the extended
// calendar form of RFC 3339 is one: 2026-11-23, 2026-11-23T18:09, 2026-11-23 18:09:41.25Z.
type instant struct {
	seconds int64 // since 1970-01-01T00:00:00, of UTC if zoned, else of no zone
	nanos   int32
	digits  int8 // of the fraction, without trailing zeros
	hasTime bool
	zoned   bool
}

// parseInstant reads an instant; ok is false for every other text.
func parseInstant(b []byte) (t instant, ok bool) {
	if len(b) < 10 || b[4] != '-' || b[7] != '-' {
		return t, false
	}
	year, ok1 := digits4(b)
	month, ok2 := digits2(b[5:])
	day, ok3 := digits2(b[8:])
	if !ok1 || !ok2 || !ok3 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return t, false
	}
	t.seconds = daysFromCivil(year, month, day) * 86400
	if len(b) == 10 {
		return t, true
	}
	if (b[10] != 'T' && b[10] != ' ' && b[10] != 't') || len(b) < 16 || b[13] != ':' {
		return t, false
	}
	t.hasTime = true
	hour, ok1 := digits2(b[11:])
	minute, ok2 := digits2(b[14:])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return t, false
	}
	t.seconds += int64(hour*3600 + minute*60)
	rest := b[16:]
	if len(rest) >= 3 && rest[0] == ':' {
		second, ok := digits2(rest[1:])
		if !ok || second > 59 {
			return t, false
		}
		t.seconds += int64(second)
		if rest, ok = t.fraction(rest[3:]); !ok {
			return t, false
		}
	}
	return t, t.zone(rest)
}

func (t *instant) fraction(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return b, true
	}
	i := 1
	scale := int32(100_000_000)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if i > 9 {
			return nil, false // finer than nanoseconds
		}
		if b[i] != '0' {
			t.digits = int8(i)
		}
		t.nanos += int32(b[i]-'0') * scale
		scale /= 10
	}
	return b[i:], i > 1
}

func (t *instant) zone(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	t.zoned = true
	if len(b) == 1 {
		return b[0] == 'Z' || b[0] == 'z'
	}
	if b[0] != '+' && b[0] != '-' {
		return false
	}
	hour, ok := digits2(b[1:])
	minute := 0
	switch {
	case len(b) == 6 && b[3] == ':':
		var ok2 bool
		minute, ok2 = digits2(b[4:])
		ok = ok && ok2
	case len(b) == 5:
		var ok2 bool
		minute, ok2 = digits2(b[3:])
		ok = ok && ok2
	case len(b) != 3:
		return false
	}
	if !ok || hour > 23 || minute > 59 {
		return false
	}
	offset := int64(hour*3600 + minute*60)
	if b[0] == '-' {
		offset = -offset
	}
	t.seconds -= offset
	return true
}

// in gives the count of units since the epoch; ok is false where the unit is too
// coarse for the fraction or too fine for 64 bits.
func (t instant) in(unit arrow.TimeUnit) (int64, bool) {
	perSecond, digits := int64(1), int8(0)
	switch unit {
	case arrow.Millisecond:
		perSecond, digits = 1_000, 3
	case arrow.Microsecond:
		perSecond, digits = 1_000_000, 6
	case arrow.Nanosecond:
		perSecond, digits = 1_000_000_000, 9
	}
	if t.digits > digits || t.seconds > math.MaxInt64/perSecond-1 || t.seconds < math.MinInt64/perSecond+1 {
		return 0, false
	}
	return t.seconds*perSecond + int64(t.nanos)/(1_000_000_000/perSecond), true
}

func digits2(b []byte) (int, bool) {
	if len(b) < 2 {
		return 0, false
	}
	hi, lo := b[0]-'0', b[1]-'0'
	return int(hi)*10 + int(lo), hi <= 9 && lo <= 9
}

func digits4(b []byte) (int, bool) {
	hi, ok1 := digits2(b)
	lo, ok2 := digits2(b[2:])
	return hi*100 + lo, ok1 && ok2
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil counts days from 1970-01-01 in the proleptic Gregorian calendar. The
// year is shifted to begin in March, so that the leap day is its last.
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return int64(era)*146097 + int64(yearOfEra*365+yearOfEra/4-yearOfEra/100+dayOfYear) - 719468
}

// appendDate writes a date32 as ISO 8601, which has years of four digits.
func appendDate(dst []byte, days arrow.Date32) ([]byte, error) {
	return appendTime(dst, time.Unix(int64(days)*86400, 0).UTC(), "2006-01-02")
}

// appendTimestamp writes a timestamp as RFC 3339 with the fewest digits of fraction
// that are exact, in UTC and with Z if the type has a zone, else without zone.
func appendTimestamp(dst []byte, v arrow.Timestamp, t *arrow.TimestampType) ([]byte, error) {
	layout := "2006-01-02T15:04:05.999999999"
	if t.TimeZone != "" {
		layout += "Z"
	}
	return appendTime(dst, v.ToTime(t.Unit), layout)
}

func appendTime(dst []byte, at time.Time, layout string) ([]byte, error) {
	if y := at.Year(); y < 0 || y > 9999 {
		return dst, fmt.Errorf("the year %d has no spelling in ISO 8601, which has four digits", y)
	}
	return at.AppendFormat(dst, layout), nil
}
