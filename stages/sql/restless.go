package sql

import (
	"regexp"
	"strings"
	"sync"
)

// restlessCalls are the functions and words of DuckDB whose value changes from
// run to run.
var restlessCalls = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:(random|setseed|uuid|uuidv4|uuidv7|gen_random_uuid|now|today|get_current_time|get_current_timestamp|transaction_timestamp|current_localtime|current_localtimestamp|txid_current|nextval|currval|current_setting|getenv|pg_backend_pid)\s*\(|(current_date|current_time|current_timestamp|localtime|localtimestamp)\b)`)
})

// silent are the parts of a query that are no code: texts, names in quotation
// marks, comments.
var silent = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?s)'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$`)
})

// restless finds the first call of such a function, and gives its place in bytes.
func restless(query string) (at int, name string) {
	code := silent().ReplaceAllStringFunc(query, func(s string) string { return strings.Repeat(" ", len(s)) })
	m := restlessCalls().FindStringSubmatchIndex(code)
	if m == nil {
		return 0, ""
	}
	if m[2] >= 0 {
		return m[2], code[m[2]:m[3]] + "()"
	}
	return m[4], code[m[4]:m[5]]
}

// place gives the line and the column, from 1, of a byte.
func place(text string, at int) (line, col int) {
	before := text[:at]
	return strings.Count(before, "\n") + 1, at - strings.LastIndex(before, "\n")
}
