package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// running is a server that a script has begun.
type running struct {
	command *exec.Cmd
	address string
}

var printed = regexp.MustCompile(`https?://[0-9.]+:[0-9]+`)

// serversOfScript is the key of a script's servers among its values.
const serversOfScript = "servers"

// startServer begins a server and waits until it tells its address: serve NAME
// ARGUMENT…
func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve name argument…")
	}
	path, err := lookPath(ts, "pipe")
	ts.Check(err)
	c := exec.Command(path, args[1:]...)
	c.Dir = ts.MkAbs(".")
	c.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "PATH="+ts.Getenv("PATH"))
	log, err := os.Create(ts.MkAbs(args[0] + ".log"))
	ts.Check(err)
	c.Stderr = log
	out, err := c.StdoutPipe()
	ts.Check(err)
	ts.Check(c.Start())
	ts.Defer(func() { _ = c.Process.Kill() }) // of a script that failed
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if address := printed.FindString(lines.Text()); address != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			servers(ts)[args[0]] = &running{c, address}
			return
		}
	}
	ts.Fatalf("%s did not tell its address; its log is in %s.log", args[0], args[0])
}

// servers are those of one script.
func servers(ts *testscript.TestScript) map[string]*running {
	m, _ := ts.Value(serversOfScript).(map[string]*running)
	return m
}

// haltServer interrupts a server and waits for its end: halt NAME (stop ends a script).
func haltServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || servers(ts)[args[0]] == nil {
		ts.Fatalf("usage: halt name")
	}
	c := servers(ts)[args[0]].command
	ts.Check(c.Process.Signal(syscall.SIGINT))
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		ts.Fatalf("%s does not end", args[0])
	}
}

// askServer posts each line of a file to a model, and appends a line with the
// request's id and a label to a table: ask NAME MODEL LINES TABLE LABEL.
func askServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 || servers(ts)[args[0]] == nil {
		ts.Fatalf("usage: ask name model lines table label")
	}
	at, err := os.OpenFile(ts.MkAbs(args[3]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	ts.Check(err)
	defer at.Close()
	if info, err := at.Stat(); err == nil && info.Size() == 0 {
		_, err = io.WriteString(at, "pipe_request,team\n")
		ts.Check(err)
	}
	for line := range strings.Lines(ts.ReadFile(args[2])) {
		res, err := http.Post(servers(ts)[args[0]].address+"/predict/"+args[1], "text/plain", strings.NewReader(strings.TrimSpace(line)))
		ts.Check(err)
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		ts.Check(err)
		id := res.Header.Get("Pipe-Request")
		if res.StatusCode != http.StatusOK || id == "" {
			ts.Fatalf("%s: %s", res.Status, body)
		}
		_, err = fmt.Fprintf(at, "%s,%s\n", id, args[4])
		ts.Check(err)
	}
}

// hearServer has a server write down a recording and wants a text in its answer: hear
// NAME MODEL FILE WANT.
func hearServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 || servers(ts)[args[0]] == nil {
		ts.Fatalf("usage: hear name model file want")
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", args[2])
	ts.Check(err)
	_, err = part.Write([]byte(ts.ReadFile(args[2])))
	ts.Check(err)
	ts.Check(errors.Join(form.WriteField("model", args[1]), form.WriteField("response_format", "verbose_json"), form.Close()))
	res, err := http.Post(servers(ts)[args[0]].address+"/v1/audio/transcriptions", form.FormDataContentType(), &body)
	ts.Check(err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	ts.Check(err)
	if !strings.Contains(string(answer), args[3]) {
		ts.Fatalf("%s: %s", res.Status, answer)
	}
}
