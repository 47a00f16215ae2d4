package mlflow

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// hostSet is the accepted host names, without ports.
func hostSet(more []string) map[string]bool {
	set := map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}
	for _, h := range more {
		set[strings.ToLower(hostOnly(h))] = true
	}
	return set
}

// hostOnly strips port and brackets.
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// admit refuses what a browser could be tricked into sending: a page of
// another origin that reaches the loopback interface directly (Origin) or by
// rebinding its own name to it (Host). MLflow's clients send neither.
func (s *Server) admit(r *http.Request) error {
	if r.URL.Path == "/health" || r.URL.Path == "/version" {
		return nil // probes come by any name, and learn nothing
	}
	if !s.known(r.Host) {
		return permissionDenied("Invalid Host header %q: it is none of this server's names.", clip(r.Host))
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !s.known(u.Host) {
			return permissionDenied("Cross-origin request from %q refused.", clip(origin))
		}
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		return permissionDenied("Cross-site request refused.")
	}
	if strings.ContainsAny(r.URL.Path, "\\\x00") || strings.Contains(r.URL.Path, "//") || hasDots(r.URL.Path) {
		return invalid("Invalid path")
	}
	return nil
}

func (s *Server) known(host string) bool {
	return s.hosts["*"] || s.hosts[strings.ToLower(hostOnly(host))]
}

// hasDots reports whether a path has a "." or ".." segment, which ServeMux
// would quietly resolve.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// clip bounds what an error quotes.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
