package mlflow

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// local are the schemes that name something on the server's own machine, or
// that a browser would run. The server never fetches from any other; clients
// do.
var local = map[string]bool{"file": true, "sqlite": true, "local": true, "data": true, "javascript": true, "jar": true}

var scheme = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.\-]*:`) })

// checkLocation refuses what points, or might point after one more decoding,
// into the server's own file system: no scheme, file:, a ".." however encoded,
// backslashes, and the parts of a URI that stores ignore or misread (query,
// fragment, parameters).
func checkLocation(uri, what string) error {
	prefix := strings.ToLower(strings.TrimSuffix(scheme().FindString(uri), ":"))
	switch {
	case prefix == "" || local[prefix] || len(prefix) == 1:
		return invalid("Invalid %s: '%s'. To use a local path as a model version source or artifact location, it would have to be on the client's machine; this server serves none of its own files. Use mlflow-artifacts: or the URI of a store.", what, clip(uri))
	case len(uri) > 4*maxSource || unsafeText(uri):
		return invalid("Invalid %s: '%s'. If supplying a source as an http, https, local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references present. Query, fragment and parameters are refused, too.", what, clip(uri))
	}
	return nil
}

// unsafeText decodes s as often as it can be decoded and reports whether any
// of its readings has a part that could leave a folder.
func unsafeText(s string) bool {
	for range 8 {
		if strings.ContainsAny(s, "\\?#;\x00") || hasControl(s) || hasDots(s) {
			return true
		}
		once, err := url.PathUnescape(s)
		if err != nil || once == s {
			return false
		}
		s = once
	}
	return true // nobody encodes a path eight times
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// drive is a Windows drive letter, and scheme a URI: neither is a relative
// path to everybody who reads it.
var drive = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z]:`) })

// checkPath accepts a relative path of an artifact: no absolute or empty
// segment, no "." or "..", no backslash, scheme or control character, in any
// reading of further decodings.
func checkPath(path string) error {
	if len(path) > 4096 || strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.HasSuffix(path, "/") {
		return invalid("Invalid path")
	}
	for s, i := path, 0; ; i++ {
		if i == 8 || strings.ContainsAny(s, "\\\x00") || hasControl(s) || hasDots(s) || strings.HasPrefix(s, "/") ||
			drive().MatchString(s) || strings.Contains(s, "://") || strings.HasPrefix(strings.ToLower(s), "file:") {
			return invalid("Invalid path")
		}
		once, err := url.PathUnescape(s)
		if err != nil || once == s {
			return nil
		}
		s = once
	}
}

// proxied returns the path inside the artifact folder that a location under
// mlflow-artifacts: names, and whether it is one.
func proxied(uri string) (path string, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		return "", false
	}
	path = strings.Trim(u.Path, "/")
	return path, path != "" && checkPath(path) == nil
}

// hasDots reports whether a path has a "." or ".." segment.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
