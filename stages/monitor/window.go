package monitor

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pipe/stages/transform"
)

// Window counts the rows of the last time, in the bins of a profile. Its memory
// depends on the profile only, and not on the traffic. It may be used by several
// goroutines at once.
type Window struct {
	profile *Profile
	counter transform.Counter
	span    time.Duration

	mu      sync.Mutex
	inputs  []input
	says    map[string]*live // by what is told
	all     []*live          // in the order of the profile's features
	rows    [slots]int64
	slot    int64 // the newest, in slots since 1970; 0: nothing has come yet
	begun   time.Time
	history history
	limits  Limits
}

// slots is into how many parts a window is divided: by so much it moves at once.
const slots = 12

// input is a column and its features.
type input struct {
	name  string
	value *live            // nil: the values themselves are not compared
	told  map[string]*live // by what is measured
	first *live            // that counts what is missing
}

// live counts the values of one feature.
type live struct {
	*Feature
	reference []float64      // by bin, without what is missing
	bins      int            // without that of what is missing
	index     map[string]int // of Categories: the bins of values
	coarse    []int          // of Numbers: the bins of PSI, which are tenths, by bin
	counts    [slots][]uint32
	fresh     map[string]*fresh // the values that training did not have
}

// fresh is a value that is new.
type fresh struct {
	last int64 // the slot in which it came last
	n    int64
}

// mostFresh bounds the new values that are remembered by name.
const mostFresh = 50

// listed is how many categories have bins of their own; the others share one. More
// bins of few rows each would differ by chance alone.
const listed = 19

// NewWindow counts what came within a span of time. reader is the model's
// transform, as for NewBuilder.
func NewWindow(p *Profile, reader any, span time.Duration, limits Limits) *Window {
	w := &Window{profile: p, span: span, limits: limits, says: map[string]*live{}}
	w.counter, _ = reader.(transform.Counter)
	at := map[string]int{}
	for _, f := range p.Features {
		l := newLive(f)
		w.all = append(w.all, l)
		if f.Role == Prediction {
			w.says[f.Of] = l
			continue
		}
		i, ok := at[f.Column]
		if !ok {
			i = len(w.inputs)
			at[f.Column] = i
			w.inputs = append(w.inputs, input{name: f.Column, told: map[string]*live{}, first: l})
		}
		if f.Of == value.of {
			w.inputs[i].value = l
		} else {
			w.inputs[i].told[f.Of] = l
		}
	}
	return w
}

func newLive(f *Feature) *live {
	l := &live{Feature: f}
	switch f.Kind {
	case Numbers:
		l.bins = len(f.Edges) + 1
		for _, n := range f.Counts {
			l.reference = append(l.reference, float64(n))
		}
		l.coarse = tenths(l.reference)
	case Categories:
		l.index, l.fresh = make(map[string]int, len(f.Values)), map[string]*fresh{}
		// A bin for each of the first, one for the others, one for what is new.
		l.bins = listed + 2
		l.reference = make([]float64, l.bins)
		for i, v := range f.Values {
			bin := min(i, listed)
			l.index[v] = bin
			l.reference[bin] += float64(f.Counts[i])
		}
		l.reference[listed] += float64(f.Others)
	case Rate:
		l.bins = 2
		l.reference = []float64{float64(f.Rows - f.Unknown), float64(f.Unknown)}
	}
	for i := range l.counts {
		l.counts[i] = make([]uint32, l.bins+1)
	}
	return l
}

// tenths joins bins to about ten of equal share; what nothing came in before stays
// a bin of its own at both ends.
func tenths(counts []float64) []int {
	all := 0.0
	for _, n := range counts {
		all += n
	}
	out := make([]int, len(counts))
	bin, share := 0, 0.0
	for i, n := range counts {
		if i == 1 || i == len(counts)-1 && i > 1 {
			bin, share = bin+1, 0
		} else if i > 1 && share >= 0.1*all-1e-9 {
			bin, share = bin+1, 0
		}
		out[i] = bin
		share += n
	}
	return out
}

// Observe counts a row and what was said to it.
func (w *Window) Observe(now time.Time, row map[string]any, said Said) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.move(now)
	at := int(w.slot % slots)
	w.rows[at]++
	for i := range w.inputs {
		in := &w.inputs[i]
		v := row[in.name]
		if in.value != nil {
			in.value.add(at, w.slot, v)
			continue
		}
		f := found{
			number: func(m measure, x float64) {
				if l := in.told[m.of]; l != nil {
					l.addNumber(at, x)
				}
			},
			share: func(m measure, part, all int) {
				if l := in.told[m.of]; l != nil {
					l.counts[at][0] += uint32(all - part)
					l.counts[at][1] += uint32(part)
				}
			},
		}
		switch v := v.(type) {
		case string:
			f.length(v)
			f.tokens(v, w.counter)
		case []byte:
			f.file(v)
		default:
			in.first.counts[at][in.first.bins]++
		}
	}
	if said.IsNumber {
		w.say(at, number, said.Number, "")
		return
	}
	w.say(at, label, 0, said.Label)
	w.say(at, probability, said.Probability, "")
}

func (w *Window) say(at int, of string, v float64, name string) {
	l := w.says[of]
	switch {
	case l == nil:
	case l.Kind == Categories:
		l.addCategory(at, w.slot, name)
	default:
		l.addNumber(at, v)
	}
}

func (l *live) add(at int, slot int64, v any) {
	if f, ok := numeric(v); ok && l.Kind == Numbers {
		l.addNumber(at, f)
	} else if s, ok := category(v); ok && l.Kind == Categories {
		l.addCategory(at, slot, s)
	} else {
		l.counts[at][l.bins]++
	}
}

func (l *live) addNumber(at int, v float64) {
	if v-v != 0 { // NaN or an infinity
		l.counts[at][l.bins]++
		return
	}
	// The bin that begins at or below the value.
	bin, same := slices.BinarySearch(l.Edges, v)
	if same {
		bin++
	}
	l.counts[at][bin]++
}

func (l *live) addCategory(at int, slot int64, v string) {
	bin, known := l.index[v]
	switch {
	case known:
	case l.Others > 0:
		bin = listed
	default:
		bin = listed + 1
		l.remember(v, slot)
	}
	l.counts[at][bin]++
}

func (l *live) remember(v string, slot int64) {
	const most = 100 // bytes of a name
	if len(v) > most {
		v = strings.ToValidUTF8(v[:most], "") + "…"
	}
	f := l.fresh[v]
	if f == nil {
		if len(l.fresh) >= mostFresh {
			maps.DeleteFunc(l.fresh, func(_ string, f *fresh) bool { return f.last <= slot-slots })
			if len(l.fresh) >= mostFresh {
				return
			}
		}
		f = new(fresh)
		l.fresh[strings.Clone(v)] = f
	}
	f.last, f.n = slot, f.n+1
}

// move goes on to the slot of now. What a slot held when it ended becomes a point
// of the history.
func (w *Window) move(now time.Time) {
	slot := now.UnixNano() / int64(w.span/slots)
	if w.slot == 0 {
		w.slot, w.begun = slot, now
		return
	}
	if slot <= w.slot {
		return
	}
	// A pause of any length costs no more than one of a whole window.
	first := max(w.slot, slot-slots-1)
	if first > w.slot {
		w.point(w.slot + 1)
	}
	for w.slot = first; w.slot < slot; {
		w.point(w.slot + 1)
		w.slot++
		at := w.slot % slots
		w.rows[at] = 0
		for _, l := range w.all {
			clear(l.counts[at])
		}
	}
}

// Reset forgets what came.
func (w *Window) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slot, w.rows, w.history = 0, [slots]int64{}, history{}
	for _, l := range w.all {
		for i := range l.counts {
			clear(l.counts[i])
		}
		clear(l.fresh)
	}
}
