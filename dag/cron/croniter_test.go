package cron

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCroniter compares fire times with those of croniter over random
// expressions and zones: PIPE_CRON_CASES of them (300).
func TestCroniter(t *testing.T) {
	python := os.Getenv("PIPE_PYTHON")
	if python == "" || exec.Command(python, "-c", "import croniter").Run() != nil {
		t.Skip("skipped: PIPE_PYTHON names no Python with croniter")
	}
	cases := 300
	if n, err := strconv.Atoi(os.Getenv("PIPE_CRON_CASES")); err == nil {
		cases = n
	}
	type question struct {
		Expr  string `json:"expr"`
		Zone  string `json:"zone"`
		Start int64  `json:"start"`
		Count int    `json:"count"`
	}
	zones := []string{"UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Auckland", "America/Santiago", "Africa/Cairo"}
	rng := rand.New(rand.NewPCG(7, 7))
	var qs []question
	var in strings.Builder
	for i := range cases {
		q := question{randomExpr(rng, false), zones[i%len(zones)], time.Date(2015+rng.IntN(15), time.Month(1+rng.IntN(12)), 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), 0, 0, time.UTC).Unix(), 50}
		if i%5 == 0 {
			q.Expr = strconv.Itoa(rng.IntN(60)) + " " + q.Expr
		}
		e, err := Parse(q.Expr)
		if err != nil {
			t.Fatalf("%s: %v", q.Expr, err)
		}
		loc := zone(t, q.Zone)
		if _, ok := e.Next(time.Unix(q.Start, 0), loc); !ok {
			continue
		}
		if _, change := time.Unix(q.Start, 0).In(loc).ZoneBounds(); i%2 == 0 && !change.IsZero() {
			q.Start = change.Unix() - int64(rng.IntN(100_000))
		}
		qs = append(qs, q)
		line, _ := json.Marshal(q)
		in.Write(append(line, '\n'))
	}
	c := exec.Command(python, "testdata/reference.py")
	c.Stdin, c.Stderr = strings.NewReader(in.String()), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<20)
	different := 0
	for _, q := range qs {
		if !lines.Scan() {
			t.Fatal("croniter answered fewer lines")
		}
		var want []int64
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		e, _ := Parse(q.Expr)
		loc := zone(t, q.Zone)
		at := time.Unix(q.Start, 0)
		for i, w := range want {
			next, ok := e.Next(at, loc)
			if !ok || next.Unix() != w {
				t.Errorf("%q in %s after %v: fire %d is %v, croniter says %v", q.Expr, q.Zone, at.In(loc), i, next, time.Unix(w, 0).In(loc))
				different++
				break
			}
			at = next
		}
		if different > 12 {
			t.FailNow()
		}
	}
	t.Logf("%d expressions, 50 fire times each", len(qs))
}
