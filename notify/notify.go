// Package notify tells people and programs that something has happened: by a
// webhook (JSON that Slack, Mattermost, Rocket.Chat and Discord's /slack
// endpoint take), by e-mail, or by running a command.
//
// A Target is written in a pipeline file as one word ("https://…",
// "mailto:ops@example.org") or as a map. What it holds is often secret, a
// webhook's address above all, so that neither its String nor an error of Send
// shows more than the host.
package notify

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"pipe/dag"
	"pipe/dag/text"
)

// Level says how a message is to be taken.
type Level string

// The levels, with the colours that Slack gives them.
const (
	Info    Level = "info"
	Good    Level = "good"
	Warning Level = "warning"
	Bad     Level = "bad"
)

// Message is what is told.
type Message struct {
	Title  string    `json:"title"`
	Text   string    `json:"text,omitempty"`
	Level  Level     `json:"level"`
	Fields []Field   `json:"fields,omitempty"` // facts, in this order
	Link   string    `json:"link,omitempty"`   // where to read on
	Time   time.Time `json:"time"`
}

// Field is one fact of a message.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Target is where messages go; exactly one of Webhook, Email and Command is
// set.
type Target struct {
	Webhook      string            `yaml:"webhook" doc:"an http or https address that a JSON message in Slack's form is posted to" example:"${secret.SLACK_URL}"`
	Headers      map[string]string `yaml:"headers" doc:"of a webhook: more headers of the request"`
	AllowPrivate bool              `yaml:"allow_private" doc:"of a webhook: let the address be one of this machine or of a private network, which is refused otherwise" default:"false"`

	Email    []string `yaml:"email" doc:"the addresses that a message is mailed to" example:"[ops@example.org]"`
	From     string   `yaml:"from" doc:"of an e-mail: the sender; by default PIPE_SMTP_FROM"`
	Server   string   `yaml:"server" doc:"of an e-mail: the SMTP server as host:port; by default PIPE_SMTP_SERVER" example:"smtp.example.org:587"`
	Username string   `yaml:"username" doc:"of an e-mail: who logs in at the server; by default PIPE_SMTP_USERNAME"`
	Password string   `yaml:"password" doc:"of an e-mail: the password for that; by default PIPE_SMTP_PASSWORD" example:"${secret.SMTP_PASSWORD}"`
	TLS      string   `yaml:"tls" doc:"of an e-mail: starttls encrypts after the greeting, tls from the first byte (port 465), none not at all, which a password is sent over to this machine only" default:"starttls" enum:"starttls,tls,none"`

	Command []string `yaml:"command" doc:"a program and its arguments; it reads the message as JSON from its standard input and finds PIPE_NOTIFY_TITLE, PIPE_NOTIFY_TEXT and PIPE_NOTIFY_LEVEL in its environment"`

	Timeout dag.Duration `yaml:"timeout" doc:"how long one attempt may take" default:"10s"`
	Tries   int          `yaml:"tries" doc:"how often it is tried before it counts as failed" default:"3" min:"1" max:"20"`

	// Sleep waits between two attempts; nil for a true clock.
	Sleep func(context.Context, time.Duration) error `yaml:"-"`

	roots *x509.CertPool // whom a server's certificate must come from; nil for the system's
}

// ParseFlag reads a target of a command line: the short spelling, or the map of a
// pipeline file in one line.
func ParseFlag(s string) (Target, error) {
	if !strings.HasPrefix(s, "{") {
		return Parse(s)
	}
	var problems text.Problems
	var t Target
	if n := text.Parse(&text.File{Name: "target", Data: []byte(s)}, &problems); n != nil {
		t.DecodeNode(&text.Decoder{Problems: &problems}, n)
	}
	return t, problems.Err()
}

// Parse reads the short spelling: an http or https address, or mailto:ADDRESS.
func Parse(s string) (Target, error) {
	t := Target{TLS: "starttls", Timeout: dag.Duration(10 * time.Second), Tries: 3}
	switch {
	case strings.HasPrefix(s, "mailto:"):
		t.Email = strings.Split(strings.TrimPrefix(s, "mailto:"), ",")
	case strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "https://"):
		t.Webhook = s
	case dag.HoldsSecret(s):
		t.Webhook = s // it will be looked at again with the secret in it
	default:
		return t, errors.New("expected http://…, https://… or mailto:ADDRESS")
	}
	_, _, err := t.problem()
	return t, err
}

// String names the target without what is secret in it.
func (t Target) String() string {
	switch {
	case t.Webhook != "":
		return "webhook " + host(t.Webhook)
	case len(t.Email) > 0:
		return "e-mail to " + strings.Join(t.Email, ", ")
	case len(t.Command) > 0:
		return "command " + t.Command[0]
	}
	return "nobody"
}

// host is what may be shown of an address.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "(an address that cannot be read)"
	}
	return u.Host
}

// Send tells the message and tries again where that may help. The error names
// the target and holds nothing secret.
func (t Target) Send(ctx context.Context, m Message) error {
	if field, what, err := t.problem(); err != nil {
		return fmt.Errorf("notify: %s: %s: %w", field, what, err)
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	if m.Level == "" {
		m.Level = Info
	}
	var send func(context.Context, Message) error
	switch {
	case t.Webhook != "":
		send = t.post
	case len(t.Email) > 0:
		send = t.mail
	default:
		send = t.run
	}
	if err := t.again(ctx, m, send); err != nil {
		return fmt.Errorf("notify by %s: %w", t, t.hide(err))
	}
	return nil
}

// hide takes everything that may be secret out of an error's text.
func (t Target) hide(err error) error {
	var secrets []string
	add := func(s string) {
		if len(s) >= 4 && !slices.Contains(secrets, s) {
			secrets = append(secrets, s)
		}
	}
	add(t.Password)
	add(os.Getenv(passwordVariable))
	for _, h := range t.Headers {
		add(h)
	}
	if u, perr := url.Parse(t.Webhook); perr == nil {
		add(t.Webhook)
		add(u.RequestURI())
		add(u.Path)
		add(u.RawQuery)
		if u.User != nil {
			add(u.User.String())
		}
	}
	text := err.Error()
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}
