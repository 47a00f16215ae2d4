package dag

import (
	"fmt"
	"reflect"
	"strings"

	"pipe/dag/text"
)

// FirstSentence cuts a kind's documentation to its first sentence.
func FirstSentence(doc string) string {
	doc = strings.Join(strings.Fields(doc), " ")
	if i := strings.Index(doc, ". "); i >= 0 {
		return doc[:i+1]
	}
	return doc
}

// Reference describes a kind in Markdown, from the kind's own struct: the
// terminal and docs/kinds.md show the same.
func Reference(info Info) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n", info.Name, info.Reference())
	kind := info.New()
	(&text.Decoder{Problems: &text.Problems{}}).Decode(nil, kind)
	in, out := kind.Ports()
	writePorts(&b, "Inputs", in)
	writePorts(&b, "Outputs", out)
	if fields := FieldsReference(reflect.TypeOf(kind).Elem()); fields != "" {
		b.WriteString("\nConfiguration:\n\n" + fields)
	}
	if info.Example != "" {
		fmt.Fprintf(&b, "\n```yaml\n%s\n```\n", strings.TrimSpace(info.Example))
	}
	return b.String()
}

// FieldsReference lists the keys of a configuration struct in Markdown.
func FieldsReference(t reflect.Type) string {
	var b strings.Builder
	for _, f := range text.Fields(t) {
		fmt.Fprintf(&b, "- `%s` (%s): %s%s\n", f.Name, typeText(f.Type), f.Doc, limits(f))
	}
	return b.String()
}

func writePorts(b *strings.Builder, title string, ports []Port) {
	if len(ports) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n", title)
	for _, p := range ports {
		what := string(p.Type)
		switch {
		case p.Type == "" && p.Many:
			what = "one or more of any type"
		case p.Type == "":
			what = "any type"
		case p.Many:
			what = "one or more of type " + what
		}
		if p.Optional {
			what += ", optional"
		}
		fmt.Fprintf(b, "- `%s` (%s)", p.Name, what)
		if p.Doc != "" {
			fmt.Fprintf(b, ": %s", p.Doc)
		}
		b.WriteByte('\n')
	}
}

func typeText(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == pathType {
		return "path"
	}
	if d, ok := reflect.New(t).Interface().(interface{ TypeText() string }); ok {
		return d.TypeText()
	}
	if reflect.PointerTo(t).Implements(textType) {
		return "text"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + typeText(t.Elem())
	case reflect.Map:
		return "map to " + typeText(t.Elem())
	case reflect.Struct:
		var names []string
		for _, f := range text.Fields(t) {
			names = append(names, f.Name)
		}
		return "map: " + strings.Join(names, ", ")
	case reflect.Interface:
		return "any value"
	}
	return "whole number"
}

func limits(f text.Field) string {
	var parts []string
	add := func(format, v string) {
		if v != "" {
			parts = append(parts, fmt.Sprintf(format, v))
		}
	}
	if f.Required {
		parts = append(parts, "required")
	}
	add("default `%s`", f.Default)
	add("at least %s", f.Min)
	add("at most %s", f.Max)
	add("above %s", f.Above)
	add("below %s", f.Below)
	add("one of %s", strings.Join(f.Enum, ", "))
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}
