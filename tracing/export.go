package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporter posts spans to a collector. It implements sdk.SpanExporter.
type exporter struct {
	address string
	headers map[string]string
	zip     bool
	client  http.Client
	log     *slog.Logger
	failing atomic.Bool
}

// exporterFrom reads the environment; nil: no endpoint is named.
func exporterFrom(get func(string) string, log *slog.Logger) (*exporter, error) {
	variable := func(name string) (string, string) {
		if v := get("OTEL_EXPORTER_OTLP_TRACES_" + name); v != "" {
			return v, "OTEL_EXPORTER_OTLP_TRACES_" + name
		}
		return get("OTEL_EXPORTER_OTLP_" + name), "OTEL_EXPORTER_OTLP_" + name
	}
	endpoint, name := variable("ENDPOINT")
	if endpoint == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s is an address such as http://127.0.0.1:4318, not %q", name, endpoint)
	}
	if !strings.Contains(name, "TRACES") {
		u = u.JoinPath("v1", "traces") // the common endpoint is that of all signals
	}
	if protocol, name := variable("PROTOCOL"); protocol == "grpc" {
		return nil, fmt.Errorf("%s is grpc; pipe sends OTLP over HTTP (port 4318 of a collector)", name)
	}
	e := &exporter{address: u.String(), headers: map[string]string{}, log: log, client: http.Client{Timeout: 10 * time.Second}}
	compression, _ := variable("COMPRESSION")
	e.zip = compression == "gzip"
	if timeout, name := variable("TIMEOUT"); timeout != "" {
		ms, err := strconv.ParseUint(timeout, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%s is a number of milliseconds, not %q", name, timeout)
		}
		e.client.Timeout = time.Duration(ms) * time.Millisecond
	}
	list, name := variable("HEADERS")
	for _, pair := range strings.Split(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return nil, fmt.Errorf("%s is a list of NAME=VALUE with commas between them", name)
		}
		e.headers[strings.TrimSpace(key)] = value
	}
	return e, nil
}

// tries is how often spans are sent before they are given up.
const tries = 3

// ExportSpans implements sdk.SpanExporter. That spans are lost is logged when it
// begins and when it ends, and is no reason to stop anything.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	body, err := json.Marshal(request(spans))
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	if e.zip {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		body = b.Bytes()
	}
	for wait, n := 500*time.Millisecond, 1; ; wait, n = 2*wait, n+1 {
		again, after, err := e.post(ctx, body)
		if err == nil {
			if e.failing.Swap(false) {
				e.log.Info("traces are sent again", "to", e.host())
			}
			return nil
		}
		if !again || n == tries || ctx.Err() != nil {
			if !e.failing.Swap(true) {
				e.log.Warn("traces cannot be sent; their spans are lost", "to", e.host(), "error", err)
			}
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(wait, after)):
		}
	}
}

func (e *exporter) host() string {
	u, err := url.Parse(e.address)
	if err != nil {
		return ""
	}
	return u.Host
}

// post sends once. again tells that another attempt may succeed, not before after.
func (e *exporter) post(ctx context.Context, body []byte) (again bool, after time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.address, bytes.NewReader(body))
	if err != nil {
		return false, 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if e.zip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	for name, value := range e.headers {
		r.Header.Set(name, value)
	}
	res, err := e.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address may hold what is secret
		}
		return true, 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 512))
	if err != nil {
		return true, 0, err
	}
	if res.StatusCode/100 == 2 {
		return false, 0, nil
	}
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, time.Duration(min(seconds, 5)) * time.Second, fmt.Errorf("the collector answers %s: %s", res.Status, strings.TrimSpace(string(text)))
}

// Shutdown implements sdk.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}
