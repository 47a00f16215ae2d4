package transform

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pipe/dag/text"
)

func TestSteps(t *testing.T) {
	for _, c := range []struct{ steps, in, want string }{
		{"nfc", "cafe\u0301", "café"},
		{"nfkc", "ﬁ１２ \u00a0", "fi12  "},
		{"lowercase", "ÄÖÜ ΟΔΟΣ İ ẞ", "äöü οδος i̇ ß"},
		{"collapse_space", "  a\t b\u00a0\u2003\n c  ", "a b c"},
		{"collapse_space", "a b c", "a b c"},
		{"collapse_space", " \n ", ""},
		{"strip", "\t a b \u3000", "a b"},
		{"strip_control", "a\x00b\x1b[0m\tc\n\u0085d", "ab[0m\tc\nd"},
		{"strip_html", `<p class="a>b">Tom &amp; Jerry<br/>2 &lt; 3</p><!-- <x> -->!`, ` Tom & Jerry 2 < 3  !`},
		{"strip_html", "a < b and c > d, 1<2, <", "a < b and c > d, 1<2, <"},
		{"strip_html", "unfinished <a href='x", "unfinished <a href='x"},
		{"strip_html", "<!-- unfinished", "<!-- unfinished"},
		{"nfkc lowercase collapse_space", "  ＡＢ　Ｃ ", "ab c"},
		{"", "as it is ", "as it is "},
	} {
		f, err := Steps(strings.Fields(c.steps)).Func()
		if err != nil {
			t.Fatal(err)
		}
		got := c.in
		if f != nil {
			got = string(f([]byte("before "), c.in)[len("before "):])
		}
		if got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.steps, c.in, got, c.want)
		}
	}
	if _, err := (Steps{"nfc", "shout"}).Func(); err == nil || err.Error() != `there is no text step "shout"` {
		t.Errorf("unknown step: %v", err)
	}
}

// The configuration names exactly the steps that there are.
func TestStepsAreTheConfigurationsWords(t *testing.T) {
	var names []string
	for _, s := range stepFuncs {
		names = append(names, s.name)
	}
	for _, f := range text.Fields(reflect.TypeFor[Text]()) {
		if f.Name == "normalize" && !slices.Equal(f.Enum, names) {
			t.Errorf("normalize takes %v, and the steps are %v", f.Enum, names)
		}
	}
}

// Each step gives valid UTF-8 for valid UTF-8, and changes nothing when it is
// applied once more, but for strip_html, which may uncover another tag.
func FuzzSteps(f *testing.F) {
	for _, s := range []string{"", "a b", "<b>x</b> &amp;", "İΣ ﬀ\u0301 \x00", "&#60;b&#62;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		for _, step := range stepFuncs {
			once := step.fn(s)
			if got := (normalizer{step}).append([]byte("x"), s); string(got) != "x"+once {
				t.Errorf("%s of %q: %q, and appended %q", step.name, s, once, got)
			}
			if !utf8.ValidString(once) {
				t.Errorf("%s of %q is not UTF-8: %q", step.name, s, once)
			}
			if twice := step.fn(once); twice != once && step.name != "strip_html" {
				t.Errorf("%s of %q: %q, and then %q", step.name, s, once, twice)
			}
		}
	})
}
