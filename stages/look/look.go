// Package look owns how the pages look that stages write for people: colours,
// tables and tiles, light and dark. What only one page has stands with that page.
package look

import (
	_ "embed"
	"html/template"
	"strings"
)

//go:embed look.css
var css string

//go:embed head.html
var head string

// Page parses the text of a page, which begins with {{template "head" .}} and goes on
// with its body. The head wants Title and, of Style, Style of the data. It forbids the
// page to load anything; a page with pictures in it defines another "policy".
func Page(text string, funcs template.FuncMap) *template.Template {
	t := template.Must(template.New("head").Funcs(funcs).Parse(strings.TrimSpace(head)))
	return template.Must(t.New("page").Parse(text))
}

// Style is the style sheet of all pages, and behind it what one has of its own.
func Style(own string) template.CSS { return template.CSS(css + strings.TrimSpace(own)) }
