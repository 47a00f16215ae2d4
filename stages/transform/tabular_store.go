package transform

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
)

// tabularConfig is the configuration of a Tabular in transform.json.
type tabularConfig struct {
	Columns []TabularColumn `json:"columns"`
}

// save implements Transform.
func (t *Tabular) save(Files) (any, error) { return tabularConfig{t.columns}, nil }

func loadTabular(_ fs.FS, config json.RawMessage) (Transform, error) {
	var c tabularConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	t := NewTabular()
	seen := map[string]bool{}
	for _, column := range c.Columns {
		if seen[column.Name] {
			return nil, fmt.Errorf("%s: the column %q stands there twice", manifestName, column.Name)
		}
		seen[column.Name] = true
		if err := column.complete(); err != nil {
			return nil, fmt.Errorf("%s: column %q: %w", manifestName, column.Name, err)
		}
		t.columns = append(t.columns, column)
	}
	if len(t.columns) == 0 {
		return nil, fmt.Errorf("%s: it has no columns", manifestName)
	}
	return t, nil
}

// complete computes what is not stored, and refuses what cannot be.
func (c *TabularColumn) complete() error {
	if !slices.Contains(tabularTypes, c.Type) {
		return fmt.Errorf("its type is %q", c.Type)
	}
	if c.Fill != nil && c.Type != "utf8" && c.Type != "bool" {
		f, err := strconv.ParseFloat(*c.Fill, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("it is filled with %q, which is no number", *c.Fill)
		}
		c.fill = f
	}
	if c.Fill != nil && c.Type == "bool" {
		v, err := strconv.ParseBool(*c.Fill)
		if err != nil {
			return fmt.Errorf("it is filled with %q, which is neither true nor false", *c.Fill)
		}
		name := strconv.FormatBool(v) // as its categories are spelt
		c.Fill, c.fill = &name, boolValue(v).number
	}
	if s := c.Scale; s != nil && (c.OneHot != nil || c.text() || s.Width == 0 || s.Width-s.Width != 0 || s.Center-s.Center != 0) {
		return fmt.Errorf("it cannot be scaled by %+v", *s)
	}
	if h := c.OneHot; h != nil {
		if len(h.Categories) == 0 || !slices.IsSorted(h.Categories) || len(slices.Compact(slices.Clone(h.Categories))) != len(h.Categories) {
			return fmt.Errorf("its categories are not sorted and different")
		}
		h.index = make(map[string]int, len(h.Categories))
		for k, name := range h.Categories {
			h.index[name] = k
		}
	}
	if c.text() && c.OneHot == nil && c.Fill == nil {
		return fmt.Errorf("nothing is done with it")
	}
	return nil
}

// tabularTypes are the types of raw columns.
var tabularTypes = []string{"utf8", "bool", "float64", "float32", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"}
