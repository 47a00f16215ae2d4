package fetch

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// fetchHub fetches a file of a Hugging Face hub. HF_ENDPOINT names another host
// and HF_TOKEN opens what is private, as for the hub's own client.
func fetchHub(ctx context.Context, d *download) error {
	endpoint := d.Env("HF_ENDPOINT")
	if endpoint == "" {
		endpoint = "https://huggingface.co"
	}
	u, err := hubURL(d.url, endpoint)
	if err != nil {
		return permanent{err}
	}
	header := http.Header{}
	if token := d.Env("HF_TOKEN"); token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	return d.http(ctx, u, header)
}

// hubURL makes of hf://[datasets/]owner/name[@revision]/path where the file lies.
func hubURL(u *url.URL, endpoint string) (*url.URL, error) {
	parts := strings.Split(strings.Trim(u.Host+u.Path, "/"), "/")
	if u.User != nil { // owner/name@revision never parses as a user; name@revision alone does
		return nil, fmt.Errorf("%q is not hf://owner/name@revision/file", u.Redacted())
	}
	prefix := ""
	if len(parts) > 0 && (parts[0] == "datasets" || parts[0] == "spaces") {
		prefix, parts = parts[0]+"/", parts[1:]
	}
	if len(parts) < 3 {
		return nil, fmt.Errorf("%q is not hf://owner/name@revision/file", u)
	}
	name, revision, found := strings.Cut(parts[1], "@")
	if !found {
		revision = "main"
	}
	if parts[0] == "" || name == "" || revision == "" {
		return nil, fmt.Errorf("%q is not hf://owner/name@revision/file", u)
	}
	base, err := url.Parse(endpoint)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("HF_ENDPOINT is no URL")
	}
	return base.JoinPath(prefix+parts[0], name, "resolve", revision, strings.Join(parts[2:], "/")), nil
}
