package summary

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSentences(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"  \n\n ", ""},
		{"One. Two! Three?", "One.|Two!|Three?"},
		{"no end", "no end"},
		{"Dr. Smith met Mrs. Jones at 3.5 km. They talked.", "Dr. Smith met Mrs. Jones at 3.5 km.|They talked."},
		{"It works, e.g. Figure 3 (cf. Fig. 4 and Eq. 5). See Sec. 2.", "It works, e.g. Figure 3 (cf. Fig. 4 and Eq. 5).|See Sec. 2."},
		{"Devlin et al. (2019) train it. Radford et al. The end.", "Devlin et al. (2019) train it.|Radford et al.|The end."},
		{"The U.S. Senate met. He lives in the U.S. The others do not.", "The U.S. Senate met.|He lives in the U.S.|The others do not."},
		{"J. R. R. Tolkien wrote it. So did I. They knew.", "J. R. R. Tolkien wrote it.|So did I.|They knew."},
		{"Apple Inc. Chairman Cook left Apple Inc. It fell.", "Apple Inc. Chairman Cook left Apple Inc.|It fell."},
		{"At 5 p.m. the gates close. No. 5 is open. No. It is not.", "At 5 p.m. the gates close.|No. 5 is open.|No.|It is not."},
		{`"Why?" he asked. "Because!" She left.`, `"Why?" he asked.|"Because!"|She left.`},
		{"He waited... and waited... Then he left… Nobody came.", "He waited... and waited...|Then he left…|Nobody came."},
		{"1. Introduction follows. 2. Methods follow.", "1. Introduction follows.|2. Methods follow."},
		{"In 1999. Then 2000.", "In 1999.|Then 2000."},
		{"a line\nthat goes on. And\nmore\n\nA heading\n\nText.", "a line that goes on.|And more|A heading|Text."},
		{"see www.example.com. Yahoo! is old. $5 is paid. It costs. $6 now.", "see www.example.com.|Yahoo! is old.|$5 is paid.|It costs.|$6 now."},
		{"very accurate . Works fine ! Good", "very accurate .|Works fine !|Good"},
		{"これは文です。次の文！「はい。」終わり", "これは文です。|次の文！|「はい。」|終わり"},
		{"Ärger kommt. Österreich liegt dort. Éric part.", "Ärger kommt.|Österreich liegt dort.|Éric part."},
		{"It stops. — So it seems. It ends here.) Next.", "It stops. — So it seems.|It ends here.)|Next."},
	} {
		if got := strings.Join(Sentences(c.text), "|"); got != c.want {
			t.Errorf("%q\n got %s\nwant %s", c.text, got, c.want)
		}
	}
	if got := Lines("a  b\r\n\n c.d\n"); !slices.Equal(got, []string{"a b", "c.d"}) {
		t.Errorf("%q", got)
	}
}

// Nothing of a text is lost or added but white space.
func FuzzSentences(f *testing.F) {
	for _, s := range []string{"One. Two!", "Dr. A. said “no.” Then\n\nleft。次", "...", ". . A", "\xff. B", "(a.) b?) C"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		all := Sentences(s)
		if got := squeeze(strings.Join(all, " ")); got != squeeze(s) {
			t.Fatalf("%q became %q", s, all)
		}
		for _, one := range all {
			if strings.TrimSpace(one) != one || one == "" || utf8.ValidString(s) && !utf8.ValidString(one) {
				t.Fatalf("%q of %q", one, s)
			}
		}
	})
}
