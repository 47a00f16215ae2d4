package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pipe/dag"
)

func TestCells(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "äöü": 3, "a\u0308": 1, "日本語": 6, "ｆｕｌｌ": 8, "한국어": 6, "🙂": 2, "❤\ufe0f": 2, "█░": 2, "…": 1, "a\u200bb": 2,
	} {
		if got := cells(s); got != want {
			t.Errorf("%q takes %d cells, want %d", s, got, want)
		}
	}
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日", 1, "…"}, {"x", 0, ""}} {
		if got := Cut(c.text, c.n); got != c.want {
			t.Errorf("%q cut to %d is %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

func TestCleanLeavesTextOnly(t *testing.T) {
	for in, want := range map[string]string{
		"plain ✓ 日本":                               "plain ✓ 日本",
		"\x1b]0;title\x07done \x1b[5A up\n":        "done  up\n",
		"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\": "link",
		"\x1b[2J\x1b[Hhome":                        "home",
		"\x1b[1;31mred\x1b[0m":                     "red",
		"ring\x07":                                 "ring",
		"10%\r50%\r100%":                           "100%",
		"10%\r50%\r":                               "50%",
		"one\r\ntwo\r\n":                           "one\ntwo\n",
		"a\rb\nc\rd":                               "b\nd",
		"|\b/\b-":                                  "-",
		"\b\bx":                                    "x",
		"\u009b31mred":                             "red",
		"\x1b(Btext\x1b7\x1b8\x1bc":                "text",
		"cut \x1b]0;never ends\nnext":              "cut \nnext",
		"cut \x1b[12":                              "cut ",
		"cut \x1b":                                 "cut ",
		"a\x00b\x7fc":                              "abc",
		"tab\tstays":                               "tab\tstays",
		"bad \xff byte":                            "bad \ufffd byte",
		"safe\u202etxt.exe":                        "safetxt.exe",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b]0;title\x07done \x1b[5A up\r\n\u009b2Jx\b")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if !plain(strings.ReplaceAll(got, "\ufffd", "")) {
			t.Errorf("%q becomes %q", s, got)
		}
		if Clean(got) != got {
			t.Errorf("%q is cleaned twice to %q", got, Clean(got))
		}
	})
}

// stripped is a drawn line as it stands on the terminal.
func stripped(s string) string { return Clean(strings.TrimSuffix(s, wipe)) }

// TestNoLineOfTheViewIsWiderThanTheWindow draws what programs write in windows of all
// sizes.
func TestNoLineOfTheViewIsWiderThanTheWindow(t *testing.T) {
	long := strings.Repeat("a_stage_with_a_long_name", 4)
	texts := []string{"ok", strings.Repeat("日本語のログ", 40), "\x1b]0;title\x07done \x1b[5A up", "\x1b[2J" + strings.Repeat("x", 300), strings.Repeat("🙂", 90), "two\nlines\tand a tab"}
	for _, columns := range []int{1, 10, 20, 40, 80, 200} {
		for _, rows := range []int{1, 3, 6, 24} {
			v := &Live{w: &bytes.Buffer{}, colour: true, now: time.Now, byName: map[string]*stage{}}
			for i, text := range texts {
				st := &stage{name: fmt.Sprintf("%s_%d", long, i), kind: "text.vectorize_日本語_and_more"}
				st.take(&dag.Event{Type: dag.StageStarted, Time: time.Now()})
				st.take(&dag.Event{Type: dag.StageLog, Text: text})
				if i%2 == 0 {
					st.take(&dag.Event{Type: dag.StageFailed, Text: text})
				}
				v.stages = append(v.stages, st)
			}
			lines := v.lines(columns, rows, false)
			if len(lines) > max(rows, 2) {
				t.Errorf("%d lines in a window of %d rows", len(lines), rows)
			}
			for _, line := range lines {
				if n := cells(stripped(line)); n >= max(columns, 2) {
					t.Errorf("in %d columns a line has %d cells: %q", columns, n, line)
				}
				if rest := strings.NewReplacer(reset, "", dim, "", red, "", green, "", yellow, "", blue, "").Replace(line); !plain(rest) {
					t.Errorf("a program's control characters reach the terminal: %q", line)
				}
			}
		}
	}
}

func TestPlainViewOfHostileLogs(t *testing.T) {
	var out bytes.Buffer
	v := NewPlain(&out, []Row{{Name: "名"}, {Name: "load"}})
	huge := strings.Repeat("x", 64<<10)
	for _, e := range []*dag.Event{
		{Type: dag.StageLog, Stage: "load", Text: "\x1b]0;title\x07done \x1b[5A up"},
		{Type: dag.StageLog, Stage: "名", Text: huge},
		{Type: dag.StageFinished, Stage: "名", Seconds: 1},
		{Type: dag.StageFailed, Stage: "load", Text: "exit 1: \x1b[2Jgone"},
	} {
		v.Event(e)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := []string{"load  …       done  up", "名    …       " + huge, "名    done    " + strings.Repeat("x", 199) + "…  (1.0s)", "load  FAILED  exit 1: gone"}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d", len(lines), len(want))
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("line %d is %.100q, want %.100q", i+1, lines[i], want[i])
		}
	}
}
