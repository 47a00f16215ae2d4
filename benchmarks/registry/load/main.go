// Command load measures a server of MLflow's REST API from outside, with a
// client that costs little: requests are written whole to kept connections,
// and of the answers only status and length are looked at. It prints one JSON
// object.
//
//	load -base http://127.0.0.1:5000 -work log-metric -clients 8 -seconds 5
//	load -base … -work fill -runs 10000
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const api = "/api/2.0/mlflow/"

var (
	base    = flag.String("base", "http://127.0.0.1:5000", "the server")
	work    = flag.String("work", "log-metric", "log-metric, log-batch, search, ordered, first-byte, sampled, fill or points")
	clients = flag.Int("clients", 1, "connections at once")
	seconds = flag.Float64("seconds", 5, "how long")
	runs    = flag.Int("runs", 1000, "how many runs to fill in")
	keys    = flag.Int("keys", 10, "metrics among which a batch's thousand points are divided")
	points  = flag.Int("points", 1_000_000, "how many points of one metric to fill in")
	store   = flag.String("store", "", "fill this folder in place of a server")
	exp     = flag.String("experiment", "0", "experiment to search in")
	run     = flag.String("run", "", "run whose metric is read")
)

func main() {
	flag.Parse()
	u, err := url.Parse(*base)
	if err != nil {
		log.Fatal(err)
	}
	var out any
	switch *work {
	case "log-metric":
		out = rate(u.Host, func(id string, n int64) []byte {
			return fmt.Appendf(nil, `{"run_id": %q, "key": "loss", "value": %g, "timestamp": %d, "step": %d}`, id, rand.Float64(), 1700000000000+n, n)
		}, "runs/log-metric")
	case "log-batch":
		out = rate(u.Host, func(id string, n int64) []byte {
			b := fmt.Appendf(nil, `{"run_id": %q, "metrics": [`, id)
			for j := range 1000 {
				if j > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendInt(append(b, `{"key": "m`...), int64(j%*keys), 10)
				b = strconv.AppendFloat(append(b, `", "value": `...), rand.Float64(), 'g', -1, 64)
				b = strconv.AppendInt(append(b, `, "timestamp": `...), 1700000000000+n*1000, 10)
				b = strconv.AppendInt(append(b, `, "step": `...), n*1000+int64(j / *keys), 10)
				b = append(b, '}')
			}
			return append(b, "]}"...)
		}, "runs/log-batch")
	case "search":
		out = latency(u.Host, fmt.Sprintf(`{"experiment_ids": [%q], "max_results": 100}`, *exp))
	case "ordered":
		out = latency(u.Host, fmt.Sprintf(`{"experiment_ids": [%q], "max_results": 100, "filter": "metrics.m3 > 0.5", "order_by": ["metrics.m3 DESC"]}`, *exp))
	case "first-byte":
		out = history(u.Host, "GET", api+"metrics/get-history?metric_key=long&run_id="+*run)
	case "sampled":
		out = history(u.Host, "GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?metric_key=long&max_results=1000&run_ids="+*run)
	case "fill":
		if *store != "" {
			out = fillStore(*store, *runs)
		} else {
			out = fill(*runs)
		}
	case "points":
		out = fillPoints(*points)
	default:
		log.Fatalf("unknown work %q", *work)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		log.Fatal(err)
	}
}

func init() { log.SetFlags(0) }

// conn is a kept connection.
type conn struct {
	net.Conn
	in   *bufio.Reader
	host string
	buf  []byte
}

func dial(host string) *conn {
	c, err := net.Dial("tcp", host)
	if err != nil {
		log.Fatal(err)
	}
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 256<<10), host: host}
}

// call sends a request and reads the answer, whose body is dropped; first is
// when its first byte came.
func (c *conn) call(method, path string, body []byte) (first time.Time, size int64) {
	c.buf = fmt.Appendf(c.buf[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, c.host)
	if body != nil {
		c.buf = fmt.Appendf(c.buf, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	c.buf = append(append(c.buf, "\r\n"...), body...)
	if _, err := c.Write(c.buf); err != nil {
		log.Fatal(err)
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		log.Fatal(err)
	}
	first = time.Now()
	failed := !bytes.Contains(line, []byte(" 200 "))
	status := string(line)
	length, chunked := int64(-1), false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			log.Fatal(err)
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				log.Fatal(err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if failed {
		text := make([]byte, min(length, 500))
		_, _ = io.ReadFull(c.in, text)
		log.Fatalf("%s %s: %s %s", method, path, status, text)
	}
	if chunked {
		return first, c.chunks()
	}
	if _, err := io.CopyN(io.Discard, c.in, length); err != nil {
		log.Fatal(err)
	}
	return first, length
}

func (c *conn) chunks() (size int64) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			log.Fatal(err)
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c.in, n+2); err != nil {
			log.Fatal(err)
		}
		if size += n; n == 0 {
			return size
		}
	}
}

// newRun makes a run by an ordinary client.
func newRun() string {
	var a struct {
		Run struct{ Info struct{ Run_id string } }
	}
	post("runs/create", map[string]any{"experiment_id": *exp, "start_time": time.Now().UnixMilli()}, &a)
	return a.Run.Info.Run_id
}

func post(path string, body, into any) {
	text, err := json.Marshal(body)
	if err != nil {
		log.Fatal(err)
	}
	res, err := http.Post(*base+api+path, "application/json", bytes.NewReader(text))
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		log.Fatalf("%s: %d %s %v", path, res.StatusCode, answer, err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			log.Fatal(err)
		}
	}
}

// rate calls as often as can be, each client for a run of its own.
func rate(host string, body func(run string, n int64) []byte, path string) any {
	ids := make([]string, *clients)
	for i := range ids {
		ids[i] = newRun()
	}
	var total atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	end := began.Add(time.Duration(*seconds * float64(time.Second)))
	for _, id := range ids {
		wg.Go(func() {
			c := dial(host)
			defer c.Close()
			for n := int64(1); time.Now().Before(end); n++ {
				c.call("POST", api+path, body(id, n))
				total.Add(1)
			}
		})
	}
	wg.Wait()
	return map[string]any{"work": *work, "clients": *clients, "per_second": float64(total.Load()) / time.Since(began).Seconds()}
}

// latency is the median of one client's calls.
func latency(host, body string) any {
	c := dial(host)
	var took []float64
	var size int64
	for end := time.Now().Add(time.Duration(*seconds * float64(time.Second))); time.Now().Before(end) || len(took) < 3; {
		began := time.Now()
		_, size = c.call("POST", api+"runs/search", []byte(body))
		took = append(took, time.Since(began).Seconds()*1000)
	}
	slices.Sort(took)
	return map[string]any{"work": *work, "first_ms": took[0], "median_ms": took[len(took)/2], "bytes": size, "calls": len(took)}
}

// history is the time to the first byte and to the last.
func history(host, method, path string) any {
	c := dial(host)
	var firsts, lasts []float64
	var size int64
	for range 5 {
		began := time.Now()
		var first time.Time
		first, size = c.call(method, path, nil)
		firsts, lasts = append(firsts, first.Sub(began).Seconds()*1000), append(lasts, time.Since(began).Seconds()*1000)
	}
	slices.Sort(firsts)
	slices.Sort(lasts)
	return map[string]any{"work": *work, "first_byte_ms": firsts[2], "last_byte_ms": lasts[2], "bytes": size}
}

// fill makes runs of ten metrics, a parameter and a tag.
func fill(n int) any {
	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				id := newRun()
				metrics := make([]map[string]any, 10)
				for k := range metrics {
					metrics[k] = map[string]any{"key": fmt.Sprint("m", k), "value": rand.Float64(), "timestamp": 1, "step": 0}
				}
				post("runs/log-batch", map[string]any{"run_id": id, "metrics": metrics,
					"params": []map[string]string{{"key": "lr", "value": fmt.Sprint(rand.IntN(100))}}, "tags": []map[string]string{{"key": "team", "value": "a"}}}, nil)
				post("runs/update", map[string]any{"run_id": id, "status": "FINISHED", "end_time": time.Now().UnixMilli()}, nil)
			}
		})
	}
	wg.Wait()
	return map[string]any{"work": "fill", "runs": n, "seconds": time.Since(began).Seconds()}
}

// fillPoints makes a run with one long metric.
func fillPoints(n int) any {
	began := time.Now()
	id := newRun()
	for i := 0; i < n; i += 1000 {
		metrics := make([]map[string]any, 1000)
		for j := range metrics {
			metrics[j] = map[string]any{"key": "long", "value": rand.Float64(), "timestamp": 1700000000000 + i + j, "step": i + j}
		}
		post("runs/log-batch", map[string]any{"run_id": id, "metrics": metrics}, nil)
	}
	return map[string]any{"work": "points", "run": id, "points": n, "seconds": time.Since(began).Seconds()}
}
