// Package monitor owns the question whether the requests that a model answers are
// still like what it was made of. A Profile is what a model saw and said while it
// was made; it lies in the model's folder and is part of its digest. A Window
// counts what is asked and answered now, in the bins of the profile, and a Status
// compares the two.
package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
)

// FileName is the profile's file in a model's folder.
const FileName = "profile.json"

// Version is that of the JSON form of a Profile.
const Version = 1

// Profile describes the rows of a training. Equal trainings give equal bytes.
type Profile struct {
	Version int `json:"version"`
	// Rows is how many rows the values of the columns are those of.
	Rows int64 `json:"rows"`
	// Judged are the rows of which it is known how the model answers them, and how
	// much of their text it does not know. These are validation rows where there
	// are some: of what it has learnt from, a model is surer than of anything else,
	// and knows every word.
	Judged     int64      `json:"judged_rows"`
	JudgedPort string     `json:"judged"` // "validation" or "train"
	Features   []*Feature `json:"features"`
}

// Kind says how the values of a feature are counted.
type Kind string

// The kinds of features.
const (
	Numbers    Kind = "numbers"
	Categories Kind = "categories"
	// Rate is a share: of the tokens of the texts, those that are not in the
	// vocabulary.
	Rate Kind = "rate"
)

// Role tells the two sides of a model apart.
type Role string

// The roles of features.
const (
	Input      Role = "input"
	Prediction Role = "prediction"
)

// Feature is a figure that every row has: a column's value, something that is
// measured of it such as the length of a text, or what the model says.
type Feature struct {
	Name   string `json:"name"` // "age", "text_length", "prediction"
	Role   Role   `json:"role"`
	Column string `json:"column,omitempty"` // that an input is of
	Of     string `json:"of"`               // what is measured: see measures
	Kind   Kind   `json:"kind"`

	Rows    int64 `json:"rows"` // of a Rate: tokens
	Missing int64 `json:"missing,omitempty"`

	// Edges and Counts are of Numbers: Counts[i] values are from Edges[i-1] up to and
	// without Edges[i]; the first and the last bin are open and empty. The edges
	// between the smallest and the largest value are quantiles.
	Edges []float64 `json:"edges,omitempty"`
	Min   *float64  `json:"min,omitempty"`
	Mean  *float64  `json:"mean,omitempty"`
	Max   *float64  `json:"max,omitempty"`
	// Values and Counts are of Categories, the most frequent first; Others counts
	// the values that are not listed, and where there are some nothing is known to
	// be new.
	Values []string `json:"values,omitempty"`
	Others int64    `json:"others,omitempty"`
	Counts []int64  `json:"counts,omitempty"`
	// Unknown is of a Rate: the tokens without an entry in the vocabulary.
	Unknown int64 `json:"unknown,omitempty"`
}

// MissingRate is the share of the rows that have no value.
func (f *Feature) MissingRate() float64 { return ratio(float64(f.Missing), float64(f.Rows)) }

// UnknownRate is the share of the tokens that are not in the vocabulary.
func (f *Feature) UnknownRate() float64 { return ratio(float64(f.Unknown), float64(f.Rows)) }

func ratio(part, all float64) float64 {
	if all == 0 {
		return 0
	}
	return part / all
}

// Encode writes the profile as it lies in a folder.
func (p *Profile) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	return append(b, '\n'), nil
}

// Load reads the profile of a model's folder; it is nil where the folder has none,
// as those of older models and of other programs.
func Load(folder fs.FS) (*Profile, error) {
	b, err := fs.ReadFile(folder, FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := new(Profile)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", FileName, err)
	}
	return p, nil
}

// validate refuses what a Window could not count with: the folder may be somebody
// else's.
func (p *Profile) validate() error {
	if p.Version != Version {
		return fmt.Errorf("its version is %d and this pipe reads %d", p.Version, Version)
	}
	for _, f := range p.Features {
		if f == nil {
			return errors.New("a feature is null")
		}
		bins := map[Kind]int{Numbers: len(f.Edges) + 1, Categories: len(f.Values), Rate: 0}
		want, ok := bins[f.Kind]
		switch {
		case !ok:
			return fmt.Errorf("feature %q: its kind is %q, and this pipe knows numbers, categories and rate", f.Name, f.Kind)
		case len(f.Counts) != want:
			return fmt.Errorf("feature %q has %d counts for %d bins", f.Name, len(f.Counts), want)
		case len(f.Edges) > maxEdges || len(f.Values) > maxValues:
			return fmt.Errorf("feature %q has %d edges and %d values, more than are counted", f.Name, len(f.Edges), len(f.Values))
		case slices.ContainsFunc(f.Edges, func(v float64) bool { return math.IsNaN(v) }) || !slices.IsSorted(f.Edges):
			return fmt.Errorf("feature %q: its edges do not rise", f.Name)
		case slices.ContainsFunc(f.Counts, func(n int64) bool { return n < 0 }) || f.Rows < 0 || f.Missing < 0 || f.Unknown < 0 || f.Others < 0:
			return fmt.Errorf("feature %q has negative counts", f.Name)
		}
	}
	return nil
}
