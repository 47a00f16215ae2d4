// Command load sends the same POST again and again over some connections and
// prints, as JSON, requests a second and latencies. It writes prepared bytes and
// reads answers by their Content-Length, so that it takes little of the
// processor that it shares with the server.
//
//	load -n 16 -for 5s -rate 0 -body '{"text":"…"}' 127.0.0.1:8080 /predict/textclass
//
// With a rate it is open-loop: each request has a time at which it is due, and
// its latency counts from then, so that a server that stalls cannot slow the
// clock that measures it.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

type result struct {
	latencies []time.Duration
	failed    int
	problem   string
}

func main() {
	n := flag.Int("n", 16, "connections")
	span := flag.Duration("for", 5*time.Second, "how long")
	rate := flag.Float64("rate", 0, "requests a second over all connections; 0: as many as are answered")
	body := flag.String("body", "", "the body")
	flag.Parse()
	address, path := flag.Arg(0), flag.Arg(1)
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, address, len(*body), *body)
	results := make([]result, *n)
	var wait sync.WaitGroup
	start := time.Now()
	for i := range results {
		wait.Go(func() {
			step := time.Duration(0)
			due := start
			if *rate > 0 {
				step = time.Duration(float64(*n) / *rate * 1e9)
				due = start.Add(step * time.Duration(i) / time.Duration(*n))
			}
			results[i] = drive(address, request, due, step, start.Add(*span))
		})
	}
	wait.Wait()
	took := time.Since(start)
	var all []time.Duration
	failed, problem := 0, ""
	for _, r := range results {
		all = append(all, r.latencies...)
		failed += r.failed
		if r.problem != "" {
			problem = r.problem
		}
	}
	slices.Sort(all)
	at := func(q float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return all[min(int(q*float64(len(all))), len(all)-1)].Seconds() * 1000
	}
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"connections": *n, "requests": len(all), "failed": failed, "problem": problem,
		"per_second": float64(len(all)) / took.Seconds(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1)})
}

// drive uses one connection until the end.
func drive(address string, request []byte, due time.Time, step time.Duration, end time.Time) (r result) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return result{failed: 1, problem: err.Error()}
	}
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		begun := time.Now()
		if step > 0 {
			time.Sleep(time.Until(due))
			begun, due = due, due.Add(step)
		}
		if time.Now().After(end) {
			return r
		}
		if _, err := c.Write(request); err != nil {
			r.failed, r.problem = r.failed+1, err.Error()
			return r
		}
		if err := answer(in); err != nil {
			r.failed, r.problem = r.failed+1, err.Error()
			return r
		}
		r.latencies = append(r.latencies, time.Since(begun))
	}
}

func answer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(status, []byte(" 200 ")) {
		return fmt.Errorf("%s", bytes.TrimSpace(status))
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(bytes.ToLower(line), []byte("content-length:")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("the answer has no Content-Length")
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}
