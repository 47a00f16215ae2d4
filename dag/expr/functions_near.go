package expr

import (
	"maps"
	"slices"
	"strings"

	"pipe/dag/text"
)

// called tells whether what is not declared is called as a function. CEL points
// at the parenthesis then; the place becomes that of the name.
func called(source string, e *Error, name string) bool {
	lines := strings.Split(source, "\n")
	if e.Line < 1 || e.Line > len(lines) {
		return false
	}
	line := []rune(lines[e.Line-1])
	if at := e.Col - 1; at < 0 || at >= len(line) || line[at] != '(' {
		return false
	}
	e.Col = max(e.Col-len([]rune(name)), 1)
	return true
}

// elsewhere are functions as other languages call them, and how CEL does.
var elsewhere = map[string]string{
	"date": `timestamp("2026-01-31T00:00:00Z")`, "datetime": `timestamp("2026-01-31T00:00:00Z")`, "to_timestamp": `timestamp("2026-01-31T00:00:00Z")`,
	"len": "size(x)", "length": "size(x)", "count": "size(x)", "str": "string(x)", "float": "double(x)", "number": "double(x)", "boolean": "bool(x)",
	"lower": "x.lowerAscii()", "upper": "x.upperAscii()", "tolower": "x.lowerAscii()", "toupper": "x.upperAscii()", "strip": "x.trim()",
	"abs": "math.abs(x)", "round": "math.round(x)", "floor": "math.floor(x)", "ceil": "math.ceil(x)", "min": "math.least(x, y)", "max": "math.greatest(x, y)", "sqrt": "math.sqrt(x)",
	"isnull": "x == null", "is_null": "x == null", "isna": "x == null", "notnull": "x != null", "coalesce": "x == null ? y : x", "ifnull": "x == null ? y : x", "if": "condition ? x : y",
	"regexp": `x.matches("…")`, "regex": `x.matches("…")`, "startswith": `x.startsWith("…")`, "endswith": `x.endsWith("…")`,
}

// nearFunction says which function may have been meant.
func (s *Scope) nearFunction(name string) string {
	if here, ok := elsewhere[strings.ToLower(name)]; ok {
		return "write " + here
	}
	var known []string
	for _, f := range slices.Sorted(maps.Keys(s.env.Functions())) {
		if !strings.ContainsAny(f, "_@!-?[") && !strings.Contains(f, ".@") {
			known = append(known, f)
		}
	}
	if hint := text.DidYouMean(name, append(known, s.functions...)); hint != "" {
		return hint
	}
	if len(s.functions) > 0 {
		return "known: " + text.List(s.functions) + ", and the functions of CEL: size, contains, matches, int, double, string, timestamp, …"
	}
	return "the functions of CEL are known: size, contains, startsWith, matches, split, int, double, string, timestamp, duration, math.abs, …"
}
