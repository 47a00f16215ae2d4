package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"pipe/dag"
)

// Live redraws the state of all stages in place, ten times a second.
type Live struct {
	w      io.Writer
	colour bool
	size   func() (columns, rows int)
	now    func() time.Time

	mu      sync.Mutex
	queued  string // what the run waits for, before it begins
	stages  []*stage
	byName  map[string]*stage
	drawn   int // lines that stand on the terminal
	stop    chan struct{}
	stopped sync.WaitGroup
}

// NewLive makes a view for a terminal of the given size and starts to draw,
// with colours or (https://no-color.org) without.
func NewLive(w io.Writer, rows []Row, colour bool, size func() (columns, rows int)) *Live {
	v := &Live{w: w, colour: colour, size: size, now: time.Now, byName: map[string]*stage{}, stop: make(chan struct{})}
	for _, r := range rows {
		st := &stage{name: r.Name, kind: r.Kind, effect: r.Effect}
		v.stages = append(v.stages, st)
		v.byName[r.Name] = st
	}
	v.stopped.Add(1)
	go v.loop()
	return v
}

func (v *Live) loop() {
	defer v.stopped.Done()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-tick.C:
			v.mu.Lock()
			v.draw(false)
			v.mu.Unlock()
		}
	}
}

// Event implements dag.Sink.
func (v *Live) Event(e *dag.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Type {
	case dag.RunQueued:
		v.queued = queued(e)
	case dag.RunStarted:
		v.queued = ""
	}
	if s := v.byName[e.Stage]; s != nil {
		s.take(e)
	}
}

// Close draws the last state and leaves it on the screen.
func (v *Live) Close() {
	close(v.stop)
	v.stopped.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.draw(true)
}

const (
	reset  = "\x1b[0m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	blue   = "\x1b[34m"
	wipe   = "\x1b[K"
)

func (v *Live) draw(last bool) {
	columns, rows := v.size()
	lines := v.lines(columns, rows-2, last)
	var b bytes.Buffer
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	for _, l := range lines {
		b.WriteString("\r" + l + wipe + "\n")
	}
	for range v.drawn - len(lines) {
		b.WriteString("\r" + wipe + "\n")
	}
	v.drawn = max(v.drawn, len(lines))
	v.w.Write(b.Bytes()) // a terminal that went away is no reason to stop the run
}

// lines gives what to show in a window of some rows: all stages where they
// fit, else those that run or went wrong and a count of the rest. No line is as wide
// as the window: one that goes on in the next row would make the cursor go up too little.
func (v *Live) lines(columns, rows int, last bool) []string {
	wName, wKind := 4, 4
	for _, s := range v.stages {
		wName, wKind = max(wName, cells(s.name)), max(wKind, cells(s.kind))
	}
	// What a stage comes to has a third of a narrow window at least.
	wName, wKind = min(wName, 28, max(8, columns/3)), min(wKind, 18, max(0, columns/3-4))
	show := v.stages
	var out []string
	if v.queued != "" {
		out, rows = append(out, Cut(v.queued, columns-1)), rows-1
	}
	if rows = max(rows, 2); len(show) > rows {
		counts := map[dag.EventType]int{}
		show = nil
		for _, s := range v.stages {
			counts[s.state]++
			if s.state == dag.StageStarted || s.state == dag.StageFailed || s.state == dag.StageQueued {
				show = append(show, s)
			}
		}
		show = show[:min(len(show), rows-1)]
		out = append(out, Cut(fmt.Sprintf("%d stages: %d done, %d cached, %d running, %d failed", len(v.stages),
			counts[dag.StageFinished], counts[dag.StageCached], counts[dag.StageStarted], counts[dag.StageFailed]), columns-1))
	}
	for _, s := range show {
		out = append(out, v.line(s, wName, wKind, columns))
	}
	return out
}

var looks = map[dag.EventType]struct{ sign, colour string }{
	"":                {"·", dim},
	dag.StageQueued:   {"·", yellow},
	dag.StageStarted:  {"▸", blue},
	dag.StageCached:   {"=", dim},
	dag.StageFinished: {"✓", green},
	dag.StageFailed:   {"✗", red},
	dag.StageSkipped:  {"-", yellow},
}

func (v *Live) line(s *stage, wName, wKind, columns int) string {
	look := looks[s.state]
	head := look.sign + " " + pad(Cut(s.name, wName), wName) + "  "
	if wKind > 0 {
		head += pad(Cut(s.kind, wKind), wKind) + "  "
	}
	head = Cut(head, columns-1)
	room := columns - 1 - cells(head)
	text := ""
	switch s.state {
	case dag.StageQueued:
		text = fmt.Sprintf("%7s  waits: %s", duration(v.now().Sub(s.began).Seconds()), s.text)
	case dag.StageStarted:
		text = v.running(s)
	case dag.StageFinished:
		text = fmt.Sprintf("%7s  %s", duration(s.seconds), s.result())
	case dag.StageCached:
		text = fmt.Sprintf("%7s  %s", "cached", s.result())
	case "":
	default:
		text = s.result()
	}
	if v.colour {
		head = look.colour + head + reset
	}
	return head + Cut(oneLine(text), room)
}

func (v *Live) running(s *stage) string {
	now := v.now()
	parts := []string{fmt.Sprintf("%7s", duration(now.Sub(s.began).Seconds()))}
	if s.total > 0 {
		parts = append(parts, bar(s.done, s.total), fmt.Sprintf("%s/%s %s", count(s.done), count(s.total), s.unit))
	} else if s.done > 0 {
		parts = append(parts, count(s.done)+" "+s.unit)
	}
	if s.rates.speed > 0 {
		parts = append(parts, number3(s.rates.speed)+"/s")
		if s.total > s.done {
			parts = append(parts, "ETA "+duration(float64(s.total-s.done)/s.rates.speed))
		}
	}
	if s.metrics != "" {
		parts = append(parts, s.metrics)
	} else if s.log != "" {
		parts = append(parts, s.log)
	}
	return strings.Join(parts, "  ")
}

// number3 shows a speed: three digits are plenty.
func number3(x float64) string {
	if x >= 1000 {
		return count(int64(x))
	}
	return fmt.Sprintf("%.3g", x)
}

func bar(done, total int64) string {
	const cells = 16
	n := int(min(done, total) * cells / total)
	return strings.Repeat("█", n) + strings.Repeat("░", cells-n)
}
