// Package admit owns what every request must pass before any room of the
// server sees it: what a browser could be tricked into sending is refused, and
// so are paths that mean different things to different readers.
package admit

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Rules say by which names the server is known.
type Rules struct {
	// Hosts are accepted in the Host header, and as hosts of the Origin header,
	// beside the loopback names. "*" accepts all.
	Hosts []string
	// Addresses accepts IP addresses as hosts, too: a server that other
	// machines reach is called by them, and a name that was rebound is never one.
	Addresses bool
}

// Handler puts the rules before next.
func Handler(rules Rules, next http.Handler) http.Handler {
	a := &admission{rules.Addresses, map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}, next}
	for _, h := range rules.Hosts {
		a.hosts[strings.ToLower(hostOnly(h))] = true
	}
	return a
}

type admission struct {
	addresses bool
	hosts     map[string]bool
	next      http.Handler
}

func (a *admission) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	if status, code, message := a.judge(r); status != 0 {
		Refuse(w, status, code, message)
		return
	}
	a.next.ServeHTTP(w, r)
}

// judge refuses what a page of another origin sends, which reaches the server
// directly (Origin) or by rebinding its own name to it (Host). Programs send
// neither. A status of 0 means that the request may pass.
func (a *admission) judge(r *http.Request) (status int, code, message string) {
	const denied = "PERMISSION_DENIED"
	if r.URL.Path == "/health" || r.URL.Path == "/version" {
		return 0, "", "" // probes come by any name, and learn nothing
	}
	if !a.known(r.Host) {
		return http.StatusForbidden, denied, "Invalid Host header '" + clip(r.Host) + "': it is none of this server's names (see pipe up --allowed-hosts)."
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !a.own(u.Host, r.Host) {
			return http.StatusForbidden, denied, "Cross-origin request from '" + clip(origin) + "' refused."
		}
	}
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && !visits(r) {
		return http.StatusForbidden, denied, "Cross-site request refused."
	}
	if strings.ContainsAny(r.URL.Path, "\\\x00") || strings.Contains(r.URL.Path, "//") || hasDots(r.URL.Path) {
		return http.StatusBadRequest, "INVALID_PARAMETER_VALUE", "Invalid path"
	}
	return 0, "", ""
}

// visits reports whether somebody follows a link to a page here, which shows
// the page to them and nothing to the site that has the link.
func visits(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func (a *admission) known(host string) bool {
	name := strings.ToLower(hostOnly(host))
	return a.named(name) || a.addresses && net.ParseIP(name) != nil
}

func (a *admission) named(name string) bool { return a.hosts["*"] || a.hosts[name] }

// own reports whether an origin is this server: one of its names, or what the
// request itself calls it. Another machine's address is not.
func (a *admission) own(origin, host string) bool {
	name := strings.ToLower(hostOnly(origin))
	return a.named(name) || name == strings.ToLower(hostOnly(host))
}

// Refuse answers with an error in the form that MLflow's clients read.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	body, err := json.Marshal(map[string]string{"error_code": code, "message": message})
	if err != nil {
		panic(err) // strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client went away
}

// hostOnly strips port and brackets.
func hostOnly(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
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
