// Package summary owns the choice of sentences that stand for a text: cutting it into
// sentences, how alike they are, how central each is, and which to take together.
package summary

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Sentences cuts a text into sentences: behind a full stop, a question or an
// exclamation mark with what closes it, before what may begin a sentence, and at empty
// lines. A full stop behind an abbreviation, an initial or the number of a list is none.
// White space within a sentence becomes one space.
func Sentences(text string) (out []string) {
	for _, part := range paragraphs(text) {
		words := strings.Fields(part)
		first := 0
		for i := range words {
			if i+1 == len(words) || ends(words, first, i) {
				out = appendSentence(out, strings.Join(words[first:i+1], " "))
				first = i + 1
			}
		}
	}
	return out
}

// Lines cuts a text at its line ends; empty lines are left out.
func Lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// paragraphs are what empty lines separate.
func paragraphs(text string) (out []string) {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			out = append(out, b.String())
			b.Reset()
		}
		b.WriteString(line)
	}
	return append(out, b.String())
}

// appendSentence also cuts where scripts without spaces end a sentence.
func appendSentence(out []string, s string) []string {
	for {
		i := strings.IndexAny(s, "。！？")
		if i < 0 {
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
		for rest := s[i:]; rest != ""; {
			r, n := utf8.DecodeRuneInString(rest)
			if !strings.ContainsRune("。！？」』”’）", r) {
				break
			}
			i, rest = i+n, rest[n:]
		}
		out = append(out, s[:i])
		s = strings.TrimSpace(s[i:])
	}
	if s != "" {
		out = append(out, s)
	}
	return out
}

// ends tells whether word i, of a sentence that begins with word first, is its last.
func ends(words []string, first, i int) bool {
	w := strings.TrimRight(words[i], `"')]}»”’*`)
	next := strings.TrimLeft(words[i+1], `"'([{«“‘*`)
	r, _ := utf8.DecodeRuneInString(next)
	mark, _ := utf8.DecodeLastRuneInString(w)
	switch mark {
	case '!', '?', '…':
		return !unicode.IsLower(r) && !punctuation(next)
	case '.':
	default:
		return false
	}
	if unicode.IsLower(r) || punctuation(next) {
		return false
	}
	stem := strings.TrimLeft(strings.ToLower(strings.TrimSuffix(w, ".")), `"'([{«“‘*`)
	switch kind := abbreviations()[stem]; {
	case kind == beforeNumber:
		return !unicode.IsDigit(r)
	case kind == never:
		return false
	case kind == perhaps, initials(stem):
		return starters()[strings.ToLower(strings.TrimRight(next, ",;:"))]
	}
	return i > first || !number(stem) // "1. Introduction"
}

// punctuation tells whether a word holds neither a letter nor a digit, such as a dash.
func punctuation(w string) bool {
	return w != "" && !strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) && w != "$"
}

// initials tells of "j", "u.s" and "j.r.r"; "i" is a word.
func initials(stem string) bool {
	if stem == "i" || stem == "" {
		return false
	}
	for part := range strings.SplitSeq(stem, ".") {
		if r, n := utf8.DecodeRuneInString(part); n == 0 || n != len(part) || !unicode.IsLetter(r) {
			return false
		}
	}
	return true
}

func number(stem string) bool {
	return stem != "" && len(stem) <= 3 && strings.Trim(stem, "0123456789") == ""
}

// What a full stop behind an abbreviation means.
const (
	never        = 1 + iota // a name or a number follows
	beforeNumber            // not the end where a number follows
	perhaps                 // the end where a word follows that begins sentences
)

var abbreviations = sync.OnceValue(func() map[string]int {
	all := map[string]int{}
	for kind, words := range map[int]string{
		never: "mr mrs ms mx dr prof rev hon gen col capt lt sgt maj cmdr gov sen rep pres st mt messrs mme mlle " +
			"vs e.g eg i.e ie cf viz resp approx ca eq eqs eqn fig figs tab sec sect ch chap ref refs thm lem def vol vols pp ed eds trans dept univ",
		beforeNumber: "no nos nr art p jan feb mar apr jun jul aug sep sept oct nov dec",
		perhaps:      "inc ltd co corp llc plc bros jr sr etc al a.m p.m am pm ph.d phd m.d b.a m.a d.c est assn ave blvd rd",
	} {
		for w := range strings.FieldsSeq(words) {
			all[w] = kind
		}
	}
	return all
})

// starters are words that begin a sentence more often than they are part of a name.
var starters = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq("the a an this that these those it its he she they we i you his her their our my your " +
		"in on at by for from with to of as if when while where after before since because although though however but and or so yet nor then thus hence " +
		"there here what who which why how no not all some many most each every both such one two another other") {
		all[w] = true
	}
	return all
})
