package dag

import (
	"fmt"
	"time"
)

// Duration is a length of time as a pipeline spells it: 90s, 10m, 1h30m.
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	x, err := time.ParseDuration(string(b))
	if err != nil || x <= 0 {
		return fmt.Errorf("%q is no length of time, such as 500ms, 90s, 10m or 1h30m", b)
	}
	*d = Duration(x)
	return nil
}

// TypeText names the type for the reference pages.
func (Duration) TypeText() string { return "length of time, such as 90s" }

// String gives the form that is read.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText implements encoding.TextMarshaler, so that JSON reads what it wrote.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
