package notify

import (
	"net/http"
	"time"

	"pipe/dag"
)

// Client makes requests to an address that somebody else has named. Unless
// allowPrivate, none reaches this machine, a private network or a cloud's
// metadata service, whatever the name resolves to when it is called. Redirects
// are answers, and not followed.
func Client(address string, timeout time.Duration, allowPrivate bool) *http.Client {
	t := Target{Webhook: address, Timeout: dag.Duration(timeout), AllowPrivate: allowPrivate}
	c := t.client()
	c.Timeout = timeout
	return c
}

// CheckAddress refuses what is no address of a webhook, and, unless
// allowPrivate, what can be seen to be private without asking the network.
func CheckAddress(address string, allowPrivate bool) error {
	return Target{Webhook: address, AllowPrivate: allowPrivate}.addressProblem()
}
