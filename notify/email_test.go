package notify

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"
	"time"

	"pipe/dag"
)

// postOffice is a mail server that takes letters, with or without STARTTLS.
type postOffice struct {
	l       net.Listener
	tls     *tls.Config // nil: STARTTLS is not offered
	answer  string      // to RCPT, where it is not 250
	letters chan string
	logins  chan string
}

func openPostOffice(t *testing.T, config *tls.Config, answer string) *postOffice {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &postOffice{l: l, tls: config, answer: answer, letters: make(chan string, 9), logins: make(chan string, 9)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *postOffice) serve(c net.Conn) {
	defer func() { c.Close() }()
	r := bufio.NewReader(c)
	say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
	say("220 post office")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch word := strings.ToUpper(strings.Fields(line + " x")[0]); word {
		case "EHLO":
			say("250-post office")
			if p.tls != nil {
				say("250-STARTTLS")
			}
			say("250-AUTH PLAIN")
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			c = tls.Server(c, p.tls)
			r = bufio.NewReader(c)
		case "AUTH":
			b, _ := base64.StdEncoding.DecodeString(strings.Fields(line)[2])
			p.logins <- string(b)
			if strings.Contains(string(b), "wrongpw") {
				say("535 no")
				continue
			}
			say("235 welcome")
		case "RCPT":
			if p.answer != "" {
				say(p.answer)
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			p.letters <- b.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// certificate is a server's, for 127.0.0.1, and the pool that it is good for.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, pool
}

func TestEmail(t *testing.T) {
	config, roots := certificate(t)
	p := openPostOffice(t, config, "")
	target, problem := decode(t, `{ email: [ops@example.org, "Ada <ada@example.org>"], from: pipe@example.org, server: "`+p.l.Addr().String()+`", username: me, password: hush }`)
	if problem != "" {
		t.Fatal(problem)
	}
	target.roots = roots
	m := message
	m.Title, m.Text = "spam → failed\r\nBcc: evil@example.org", "Zeile mit ü\n.a line that begins with a dot"
	if err := target.Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if got := <-p.logins; got != "\x00me\x00hush" {
		t.Errorf("logged in with %q", got)
	}
	letter, err := mail.ReadMessage(strings.NewReader(<-p.letters))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(letter.Header.Get("Subject"))
	if err != nil || subject != "spam → failed Bcc: evil@example.org" || letter.Header.Get("Bcc") != "" {
		t.Errorf("header %v (%v)", letter.Header, err)
	}
	if to, err := letter.Header.AddressList("To"); err != nil || len(to) != 2 || to[1].Name != "Ada" {
		t.Errorf("to %v (%v)", to, err)
	}
	if _, err := letter.Header.Date(); err != nil {
		t.Error(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(letter.Body))
	if want := "Zeile mit ü\r\n.a line that begins with a dot\r\n\r\nrun: 6d39c493\r\naccuracy: 0.91\r\n"; err != nil || !strings.HasSuffix(string(body), want) {
		t.Errorf("body %q (%v)", body, err)
	}
}

func TestEmailRefusals(t *testing.T) {
	config, roots := certificate(t)
	for _, c := range []struct {
		name   string
		config *tls.Config
		roots  *x509.CertPool
		answer string
		change func(*Target)
		waits  int
		want   string
	}{
		{name: "a stranger's certificate", config: config, want: "certificate"},
		{name: "no STARTTLS", roots: roots, want: "does not offer STARTTLS"},
		{name: "a mailbox that is busy", config: config, roots: roots, answer: "450 later", want: "tried 3 times, the last time so: 450", waits: 2},
		{name: "a mailbox that is not there", config: config, roots: roots, answer: "550 nobody", want: "550"},
		{name: "a wrong password", config: config, roots: roots, change: func(t *Target) { t.Username, t.Password = "me", "wrongpw" }, want: "log in as me: 535"},
		{name: "no server", change: func(t *Target) { t.Server = "" }, want: "PIPE_SMTP_SERVER"},
		{name: "no sender", change: func(t *Target) { t.From = "" }, want: "PIPE_SMTP_FROM"},
	} {
		t.Setenv("PIPE_SMTP_SERVER", "")
		t.Setenv("PIPE_SMTP_FROM", "")
		p := openPostOffice(t, c.config, c.answer)
		var waits []time.Duration
		target := Target{Email: []string{"ops@example.org"}, From: "pipe@example.org", Server: p.l.Addr().String(), TLS: "starttls",
			Timeout: dag.Duration(10 * time.Second), Tries: 3, Sleep: noWait(&waits), roots: c.roots}
		if c.change != nil {
			c.change(&target)
		}
		err := target.Send(context.Background(), message)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrongpw") {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if len(waits) != c.waits {
			t.Errorf("%s: waits %v", c.name, waits)
		}
	}
}
