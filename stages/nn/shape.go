package nn

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Unknown is a dimension that a static check cannot know: the batch, or the
// number of classes before the data has been read.
const Unknown = -1

// Shape is the size of each dimension of a tensor, the batch first. In static
// checks a dimension may be Unknown.
type Shape []int

// Size returns the number of elements. It panics when a dimension is Unknown.
func (s Shape) Size() int {
	n := 1
	for _, d := range s {
		if d < 0 {
			panic(fmt.Sprintf("nn: size of shape %v, which has an unknown dimension", s))
		}
		n *= d
	}
	return n
}

// Last returns the size of the last dimension.
func (s Shape) Last() int { return s[len(s)-1] }

// With returns a copy of s with its last dimension replaced by n.
func (s Shape) With(n int) Shape {
	out := append(Shape(nil), s...)
	out[len(out)-1] = n
	return out
}

// Equal reports whether s and t have the same dimensions.
func (s Shape) Equal(t Shape) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		if s[i] != t[i] {
			return false
		}
	}
	return true
}

// String formats the shape as (?, 100, 128), with a question mark for Unknown.
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = "?"
		if d != Unknown {
			parts[i] = strconv.Itoa(d)
		}
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// Context is what layers may ask about the task: sizes that come from the data
// and not from the configuration.
type Context struct {
	// Classes is the number of labels, 0 while it is not known.
	Classes int `json:"classes,omitempty"`
	// Vocab is the number of token ids, the padding id 0 included; 0 while it
	// is not known.
	Vocab int `json:"vocab,omitempty"`
}

// Units is the width of a layer: a positive number, or the word "classes" for
// the number of labels of the task.
type Units int

// Classes is the Units value that stands for the number of labels.
const Classes Units = -1

// UnmarshalText reads "classes" or a positive whole number.
func (u *Units) UnmarshalText(text []byte) error {
	if string(text) == "classes" {
		*u = Classes
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("units must be a positive whole number or the word classes, is %q", text)
	}
	*u = Units(n)
	return nil
}

// MarshalJSON writes a number or "classes".
func (u Units) MarshalJSON() ([]byte, error) {
	if u == Classes {
		return []byte(`"classes"`), nil
	}
	return strconv.AppendInt(nil, int64(u), 10), nil
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (u *Units) UnmarshalJSON(data []byte) error {
	return u.UnmarshalText(bytes.Trim(data, `"`))
}

// TypeText names the type for the reference pages.
func (Units) TypeText() string { return "whole number, or the word classes" }

// resolve returns the width, Unknown when it is the number of classes and that
// is not known yet.
func (u Units) resolve(c Context) (int, error) {
	switch {
	case u == Classes && c.Classes == 0:
		return Unknown, nil
	case u == Classes:
		return c.Classes, nil
	case u < 1:
		return 0, fmt.Errorf("units must be at least 1, is %d", int(u))
	}
	return int(u), nil
}

// wantRank says that a layer needs dims dimensions, described by want.
func wantRank(in Shape, dims int, want string) error {
	if len(in) != dims {
		return fmt.Errorf("needs input of shape %s, got %v", want, in)
	}
	return nil
}

// wantKnown says that the last dimension must be known before parameters can be
// allocated for it.
func wantKnown(in Shape) error {
	if in.Last() == Unknown {
		return fmt.Errorf("the last dimension of the input %v must be known", in)
	}
	return nil
}
