package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"os"
	"strings"
	"time"
)

// errSettings marks what is wrong with how a target is set up: trying again
// does not help.
var errSettings = errors.New("set it up")

// passwordVariable holds the password for the mail server where the pipeline
// leaves it to the machine.
const passwordVariable = "PIPE_SMTP_PASSWORD"

// settings fills what the pipeline leaves to the machine.
func (t Target) settings() (Target, error) {
	t.Server = cmp.Or(t.Server, os.Getenv("PIPE_SMTP_SERVER"))
	t.From = cmp.Or(t.From, os.Getenv("PIPE_SMTP_FROM"))
	if t.Username == "" {
		t.Username, t.Password = os.Getenv("PIPE_SMTP_USERNAME"), cmp.Or(t.Password, os.Getenv(passwordVariable))
	}
	switch {
	case t.Server == "":
		return t, fmt.Errorf("there is no mail server: %w with server: host:port or PIPE_SMTP_SERVER", errSettings)
	case t.From == "":
		return t, fmt.Errorf("there is no sender: %w with from: or PIPE_SMTP_FROM", errSettings)
	}
	return t, nil
}

// mail sends a message by SMTP once.
func (t Target) mail(ctx context.Context, m Message) error {
	t, err := t.settings()
	if err != nil {
		return err
	}
	letter, err := t.letter(m)
	if err != nil {
		return err
	}
	name, _, err := net.SplitHostPort(t.Server)
	if err != nil {
		return fmt.Errorf("%q is not host:port: %w", t.Server, errSettings)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if t.TLS == "tls" {
		conn = tls.Client(conn, &tls.Config{ServerName: name, RootCAs: t.roots})
	}
	c, err := smtp.NewClient(conn, name)
	if err != nil {
		return err
	}
	return t.converse(c, name, letter)
}

// converse says what SMTP wants to hear.
func (t Target) converse(c *smtp.Client, name string, letter []byte) error {
	if t.TLS == "starttls" {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return fmt.Errorf("the server does not offer STARTTLS: %w with tls: tls or tls: none", errSettings)
		}
		if err := c.StartTLS(&tls.Config{ServerName: name, RootCAs: t.roots}); err != nil {
			return err
		}
	}
	if t.Username != "" {
		// PlainAuth refuses to send a password over a line that is neither
		// encrypted nor to this machine.
		if err := c.Auth(smtp.PlainAuth("", t.Username, t.Password, name)); err != nil {
			return fmt.Errorf("log in as %s: %w", t.Username, err)
		}
	}
	from, err := mail.ParseAddress(t.From)
	if err != nil {
		return fmt.Errorf("%q is no address: %w", t.From, errSettings)
	}
	if err := c.Mail(from.Address); err != nil {
		return err
	}
	for _, to := range t.Email {
		a, err := mail.ParseAddress(to)
		if err != nil {
			return fmt.Errorf("%q is no address: %w", to, errSettings)
		}
		if err := c.Rcpt(a.Address); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(letter); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	// The server has taken the letter; one that hangs up without a farewell has
	// it all the same.
	_ = c.Quit()
	return nil
}

// letter writes a message as RFC 5322 and MIME want it: plain text in UTF-8.
func (t Target) letter(m Message) ([]byte, error) {
	from, err := mail.ParseAddress(t.From)
	if err != nil {
		return nil, fmt.Errorf("%q is no address: %w", t.From, errSettings)
	}
	var id [12]byte
	rand.Read(id[:])
	domain := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	var b bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	header("From", from.String())
	header("To", strings.Join(addresses(t.Email), ", "))
	header("Subject", mime.QEncoding.Encode("utf-8", oneLine(m.Title)))
	header("Date", m.Time.Format(time.RFC1123Z))
	header("Message-ID", "<"+hex.EncodeToString(id[:])+"@"+domain+">")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	header("Auto-Submitted", "auto-generated")
	b.WriteString("\r\n")
	q := quotedprintable.NewWriter(&b)
	if _, err := q.Write([]byte(strings.ReplaceAll(plainText(m), "\n", "\r\n"))); err != nil {
		return nil, err
	}
	if err := q.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func addresses(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if a, err := mail.ParseAddress(s); err == nil {
			out = append(out, a.String())
		}
	}
	return out
}

// oneLine keeps a title from becoming further headers.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// plainText is a message for reading.
func plainText(m Message) string {
	var b strings.Builder
	b.WriteString(m.Title + "\n")
	if m.Text != "" {
		b.WriteString("\n" + m.Text + "\n")
	}
	if len(m.Fields) > 0 {
		b.WriteString("\n")
	}
	for _, f := range m.Fields {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	if m.Link != "" {
		b.WriteString("\n" + m.Link + "\n")
	}
	return b.String()
}
