package notify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// PrivateError says that a webhook's address is not one of the public network.
type PrivateError struct{ Address string }

func (e *PrivateError) Error() string {
	return fmt.Sprintf("%s is an address of this machine, of a private network or of a cloud's metadata service; set allow_private: true where that is meant", e.Address)
}

// reserved are networks beside those that netip names, which no webhook of the
// public network has: "this" network, carriers' and clouds' shared space
// (RFC 6598), IETF assignments, benchmarks, documentation, the reserved rest, and
// the prefixes through which IPv6 reaches IPv4 (NAT64, 6to4).
var reserved = []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001:db8::/32"}

// private tells whether an address is not for everybody.
func private(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return true // loopback, link-local (169.254.169.254 too), multicast, RFC 1918, fc00::/7
	}
	for _, r := range reserved {
		if netip.MustParsePrefix(r).Contains(a) {
			return true
		}
	}
	return false
}

// privateName refuses a host that is private by its spelling alone.
func privateName(name string) error {
	lower := strings.TrimSuffix(strings.ToLower(name), ".")
	if a, err := netip.ParseAddr(lower); err == nil && private(a) {
		return &PrivateError{name}
	}
	for _, suffix := range []string{"localhost", "internal", "local"} {
		if lower == suffix || strings.HasSuffix(lower, "."+suffix) {
			return &PrivateError{name}
		}
	}
	return nil
}

// client makes requests of one target. What is refused is the address that is
// really connected to: a name may mean one machine now and another one later.
func (t Target) client() *http.Client {
	dialer := &net.Dialer{Timeout: time.Duration(t.Timeout)}
	guarded := *dialer
	guarded.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if private(at.Addr()) {
			return &PrivateError{at.Addr().String()}
		}
		return nil
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: time.Duration(t.Timeout), DialContext: guarded.DialContext}
	if t.AllowPrivate {
		transport.DialContext = dialer.DialContext
	}
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		proxy, err := http.ProxyFromEnvironment(r)
		if err != nil || proxy == nil {
			return nil, err
		}
		// The proxy is the operator's choice and may be anywhere; what it is
		// asked for is looked at here.
		if !t.AllowPrivate {
			if err := lookUp(r.Context(), r.URL.Hostname()); err != nil {
				return nil, err
			}
		}
		return proxy, nil
	}
	if proxy, err := transport.Proxy(&http.Request{URL: mustURL(t.Webhook)}); err == nil && proxy != nil {
		transport.DialContext = dialer.DialContext
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// lookUp refuses a name that this machine knows to be private; one that only
// the proxy can resolve is the proxy's to judge.
func lookUp(ctx context.Context, name string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil
	}
	for _, a := range addresses {
		if private(a) {
			return &PrivateError{name}
		}
	}
	return nil
}

// mustURL is for an address that addressProblem has seen.
func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		return &url.URL{}
	}
	return u
}
