package dag

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pipe/dag/expr"
	"pipe/dag/text"
)

// Param is a value of a pipeline that a run may set.
type Param struct {
	Name     string
	Type     string // "string", "int", "float", "bool"
	Doc      string
	Value    any // string, int64, float64 or bool
	Default  any // nil where it must be given
	Enum     []string
	Set      bool // by the caller, not by default
	Min, Max *float64
}

// Text is the value as -p takes it.
func (p Param) Text() string { return text.FormatScalar(p.Value) }

// paramForm is the long spelling of a param.
type paramForm struct {
	Type    string   `yaml:"type" doc:"string, int, float or bool; by default that of the default value" enum:"string,int,float,bool"`
	Doc     string   `yaml:"description" doc:"what it is for; shown where it is missing"`
	Default any      `yaml:"default" doc:"the value where none is given; without it the param must be set"`
	Enum    []string `yaml:"enum" doc:"the values that are allowed"`
	Min     *float64 `yaml:"min" doc:"the smallest number that is allowed"`
	Max     *float64 `yaml:"max" doc:"the largest number that is allowed"`
}

// loadParams reads `params:` and sets what the caller gives.
func (l *loader) loadParams(n *text.Node, given *givenParams) []Param {
	var out []Param
	if n != nil && n.Kind != text.Mapping {
		if n.Value != nil {
			l.errorf(n, "type", "params: expected a map, found %s", n.What())
		}
		n = nil
	}
	if n != nil {
		for i, k := range n.Keys {
			if p, ok := l.loadParam(k, n.Items[i], given); ok {
				out = append(out, p)
			}
		}
	}
	names := make([]string, len(out))
	for i, p := range out {
		names[i] = p.Name
	}
	given.unknown(n, func(name string, at text.Pos) {
		hint := text.DidYouMean(name, names)
		if hint == "" {
			hint = "its params: " + text.List(names)
		}
		l.problems.Add(&text.Problem{Code: "unknown-param", Pos: at, Text: fmt.Sprintf("%s no param %q", given.what, name), Hint: hint})
	})
	return out
}

func (l *loader) loadParam(k, n *text.Node, given *givenParams) (Param, bool) {
	p := Param{Name: k.Raw}
	if !identifier().MatchString(p.Name) {
		l.errorf(k, "name", "param %q: a name has letters (a to z, A to Z), digits and _, and begins with a letter", p.Name)
		return p, false
	}
	form := paramForm{}
	at := n
	switch n.Kind {
	case text.Mapping:
		before := l.problems.Len()
		l.decoder().Known(n, &form, "params."+p.Name)
		if l.problems.Len() > before {
			return p, false
		}
		if d := n.Get("default"); d != nil {
			if at = d; d.Kind != text.Scalar {
				l.errorf(d, "type", "params.%s.default: expected a value, found %s", p.Name, d.What())
				return p, false
			}
		}
	case text.Scalar:
		form.Default = n.Value
		if l.beyondInt(n, "params."+p.Name) {
			return p, false
		}
	default:
		l.errorf(n, "type", "params.%s: expected a value, found %s", p.Name, n.What())
		return p, false
	}
	p.Doc, p.Enum, p.Min, p.Max = form.Doc, form.Enum, form.Min, form.Max
	if p.Type = form.Type; p.Type == "" {
		p.Type = typeOf(form.Default)
	}
	if numeric := p.Type == "int" || p.Type == "float"; !numeric && (p.Min != nil || p.Max != nil) {
		l.errorf(at, "type", "params.%s: min and max are bounds of numbers, and its type is %s", p.Name, p.Type)
		return p, false
	}
	if form.Default != nil {
		if p.Type != "string" && p.Type != "float" && l.beyondInt(at, "params."+p.Name+".default") {
			return p, false
		}
		v, ok := convert(form.Default, p.Type)
		switch {
		case p.Type == "string" && !at.Quoted:
			v, ok = at.Text(), true // as it is written: 1.10 is no 1.1
		case p.Type == "float" && at.BeyondInt():
			x, err := strconv.ParseFloat(strings.ReplaceAll(at.Raw, "_", ""), 64)
			v, ok = x, err == nil
		}
		if !ok {
			l.errorf(at, "type", "params.%s: the default %s is not of type %s", p.Name, text.FormatScalar(form.Default), p.Type)
			return p, false
		}
		p.Default, p.Value = v, v
	}
	set := k
	if given.at != nil {
		set = given.at
	}
	if g, ok := given.get(p.Name); ok {
		if g.node != nil {
			set = g.node
		}
		v, err := parseAs(g.text, p.Type)
		if err != nil {
			l.errorf(set, "param", "param %q is given as %q: %v", p.Name, g.text, err)
			return p, false
		}
		p.Value, p.Set = v, true
	}
	return p, l.checkParam(p, set)
}

// beyondInt reports a whole number that no whole number holds: it would become a
// float with other digits, or a text, by its length.
func (l *loader) beyondInt(n *text.Node, name string) bool {
	if !n.BeyondInt() {
		return false
	}
	l.problems.Add(&text.Problem{Code: "value", Pos: n.Pos, Text: fmt.Sprintf("%s: %s is beyond the whole numbers, which end at 9223372036854775807 (64 bits)", name, n.Raw),
		Hint: fmt.Sprintf("quote it for a text that keeps every digit, as in %q, or write a float, as in 1.5e20", n.Raw)})
	return true
}

// checkParam holds a value against the param's limits; at is where it was set.
func (l *loader) checkParam(p Param, at *text.Node) bool {
	if p.Value == nil {
		hint := fmt.Sprintf("give it with -p %s=…", p.Name)
		if at.Raw != p.Name { // at the stage that uses the pipeline
			hint = "give it under with"
		}
		if p.Doc != "" {
			hint = p.Doc
		}
		l.problems.Add(&text.Problem{Code: "missing-param", Pos: at.Pos, Text: fmt.Sprintf("param %q has no default and is not given", p.Name), Hint: hint})
		return false
	}
	if len(p.Enum) > 0 && !slices.Contains(p.Enum, p.Text()) {
		l.problems.Add(&text.Problem{Code: "enum", Pos: at.Pos, Text: fmt.Sprintf("param %q must be one of %s, is %q", p.Name, text.List(p.Enum), p.Text()), Hint: text.DidYouMean(p.Text(), p.Enum)})
		return false
	}
	var x float64
	switch v := p.Value.(type) {
	case int64:
		x = float64(v)
	case float64:
		x = v
	default:
		return true
	}
	if p.Min != nil && x < *p.Min {
		l.errorf(at, "bounds", "param %q must be at least %s, is %s", p.Name, text.Number(*p.Min), p.Text())
		return false
	}
	if p.Max != nil && x > *p.Max {
		l.errorf(at, "bounds", "param %q must be at most %s, is %s", p.Name, text.Number(*p.Max), p.Text())
		return false
	}
	return true
}

func typeOf(v any) string {
	switch v.(type) {
	case int64:
		return "int"
	case float64:
		return "float"
	case bool:
		return "bool"
	}
	return "string"
}

func convert(v any, t string) (any, bool) {
	if typeOf(v) == t {
		return v, true
	}
	switch x := v.(type) {
	case int64:
		if t == "float" {
			return float64(x), true
		}
	}
	if t == "string" {
		return text.FormatScalar(v), true
	}
	return nil, false
}

// parseAs reads a value from a command line or an environment variable.
func parseAs(s, t string) (any, error) {
	switch t {
	case "int":
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("a whole number is wanted")
		}
		return v, nil
	case "float":
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("a number is wanted")
		}
		return v, nil
	case "bool":
		switch strings.ToLower(s) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
		return nil, fmt.Errorf("true or false is wanted")
	}
	return s, nil
}

// paramVars declares the params for expressions.
func paramVars(ps []Param) expr.Vars {
	fields := expr.Vars{}
	for _, p := range ps {
		fields[p.Name] = map[string]expr.Type{"string": expr.String, "int": expr.Int, "float": expr.Double, "bool": expr.Bool}[p.Type]
	}
	return expr.Vars{"params": expr.Object("params", fields)}
}

func paramValues(ps []Param) map[string]any {
	m := make(map[string]any, len(ps))
	for _, p := range ps {
		m[p.Name] = p.Value
	}
	return map[string]any{"params": m}
}
