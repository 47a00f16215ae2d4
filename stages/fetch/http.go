package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
)

func fetchHTTP(ctx context.Context, d *download) error { return d.http(ctx, d.url, nil) }

// http fetches a file, and goes on from a part where the server says that the
// file is still the same (RFC 9110, sections 13 and 14).
func (d *download) http(ctx context.Context, u *url.URL, header http.Header) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return permanent{errors.New("it cannot be asked for")}
	}
	for name := range header {
		req.Header.Set(name, header.Get(name))
	}
	req.Header.Set("Accept-Encoding", "identity") // the bytes as they lie there
	version, _ := os.ReadFile(d.pins)
	if at := d.size(); at > 0 && len(version) > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		req.Header.Set("If-Range", string(version))
	}
	resp, err := client(d).Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	total := resp.ContentLength
	switch resp.StatusCode {
	case http.StatusOK:
		_ = os.Remove(d.pins) // all of it comes
	case http.StatusPartialContent:
		begin, all, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || begin != d.size() {
			_ = os.Remove(d.path)
			return fmt.Errorf("the server answered with another range than was asked for")
		}
		total = all
	default:
		err := fmt.Errorf("the server answered %s", resp.Status)
		if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
			_ = os.Remove(d.path)
			return err
		}
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout {
			return permanent{err}
		}
		return err
	}
	f, at, err := d.from(strongVersion(resp.Header))
	if err != nil {
		return permanent{err}
	}
	defer f.Close()
	n, err := d.copyWatched(f, resp.Body, at, total, cancel)
	if err != nil {
		return withoutURL(err)
	}
	if total >= 0 && at+n != total {
		return fmt.Errorf("the server said %d bytes and sent %d", total, at+n)
	}
	return f.Close()
}

// client gives up on a server that does not begin to answer.
func client(d *download) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout, t.DisableKeepAlives = d.Stall, true
	return &http.Client{Transport: t, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("it leads from one address to the next, ten times")
		}
		if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errors.New("it leads from https to http")
		}
		return nil
	}}
}

// strongVersion is what tells one version of a file from the next, byte by byte.
func strongVersion(h http.Header) string {
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads "bytes 100-199/200".
func contentRange(s string) (begin, all int64, ok bool) {
	place, size, _ := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	from, _, _ := strings.Cut(place, "-")
	begin, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if all, err = strconv.ParseInt(size, 10, 64); err != nil {
		all = -1
	}
	return begin, all, true
}

// withoutURL takes the address out of an error: it may hold a password.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
