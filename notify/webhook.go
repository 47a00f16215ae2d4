package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// slack is the JSON that incoming webhooks in Slack's manner take. text alone
// is what a notification shows; the attachment has the colour and the facts.
type slack struct {
	Text        string       `json:"text"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	Fallback string       `json:"fallback"`
	Color    string       `json:"color"`
	Title    string       `json:"title,omitempty"`
	Link     string       `json:"title_link,omitempty"`
	Text     string       `json:"text,omitempty"`
	Fields   []slackField `json:"fields,omitempty"`
	Footer   string       `json:"footer"`
	Time     int64        `json:"ts"`
}

type slackField struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

var colours = map[Level]string{Info: "#4a7ebb", Good: "good", Warning: "warning", Bad: "danger"}

// slackEscape is what Slack's text demands; a name with < in it would begin a
// link.
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func slackMessage(m Message) slack {
	a := attachment{Fallback: m.Title, Color: colours[m.Level], Text: slackEscape.Replace(m.Text), Footer: "pipe", Time: m.Time.Unix()}
	if m.Link != "" {
		a.Title, a.Link = "read on", m.Link
	}
	for _, f := range m.Fields {
		a.Fields = append(a.Fields, slackField{Title: f.Name, Value: slackEscape.Replace(f.Value), Short: len(f.Value) <= 40})
	}
	return slack{Text: slackEscape.Replace(m.Title), Attachments: []attachment{a}}
}

// post sends a message to a webhook once.
func (t Target) post(ctx context.Context, m Message) error {
	body, err := json.Marshal(slackMessage(m))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Webhook, bytes.NewReader(body))
	if err != nil {
		return errors.New("this is no address of the form https://host/path")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "pipe")
	for name, value := range t.Headers {
		req.Header.Set(name, value)
	}
	resp, err := t.client().Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of it is the address
		}
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 300))
	if resp.StatusCode/100 == 2 {
		return nil
	}
	if err != nil {
		said = nil
	}
	return &refusal{status: resp.StatusCode, said: strings.ToValidUTF8(strings.TrimSpace(string(said)), "�"), after: retryAfter(resp.Header.Get("Retry-After"))}
}

// refusal is an answer other than 2xx.
type refusal struct {
	status int
	said   string
	after  time.Duration // when to come again; 0 where that was not said
}

func (r *refusal) Error() string {
	s := fmt.Sprintf("the server answered %d %s", r.status, http.StatusText(r.status))
	if r.said != "" {
		s += ": " + r.said
	}
	return s
}

// temporary tells whether the server may take the message later.
func (r *refusal) temporary() bool {
	return r.status == http.StatusTooManyRequests || r.status == http.StatusRequestTimeout || r.status >= 500
}

// retryAfter reads the seconds of the header; a date is rare there and counts
// as nothing.
func retryAfter(s string) time.Duration {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}
