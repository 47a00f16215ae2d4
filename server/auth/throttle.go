package auth

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"pipe/server/admit"
)

// Failed sign-ins for one name, or from one address, beyond the first few must
// wait for twice as long each time.
const (
	freeFailures = 5
	longestWait  = 15 * time.Minute
	remembered   = 10_000 // names and addresses
)

// throttle counts failed sign-ins by name and by address.
type throttle struct {
	sync.Mutex
	failures map[string]failures
}

type failures struct {
	n    int
	last time.Time
}

func newThrottle() *throttle { return &throttle{failures: make(map[string]failures)} }

// waitError says how long until a sign-in is looked at again.
type waitError struct{ left time.Duration }

func (e *waitError) Error() string { return fmt.Sprintf("too many sign-ins failed: wait %v", e.left) }

func keys(name string, r *http.Request) []string {
	list := []string{"address " + address(r)}
	if name != "" {
		list = append(list, "name "+name)
	}
	return list
}

// ready returns a waitError while a sign-in has to wait.
func (t *throttle) ready(now time.Time, name string, r *http.Request) error {
	t.Lock()
	defer t.Unlock()
	for _, k := range keys(name, r) {
		f := t.failures[k]
		if f.n < freeFailures {
			continue
		}
		wait := min(longestWait, time.Second<<min(f.n-freeFailures, 20))
		if left := f.last.Add(wait).Sub(now); left > 0 {
			return &waitError{left}
		}
	}
	return nil
}

// note counts a failure. Names that nobody has are many; when too many are
// remembered, those whose wait is long over are forgotten, then all.
func (t *throttle) note(now time.Time, name string, r *http.Request) {
	t.Lock()
	defer t.Unlock()
	if len(t.failures) >= remembered {
		for k, f := range t.failures {
			if now.Sub(f.last) > longestWait {
				delete(t.failures, k)
			}
		}
		if len(t.failures) >= remembered {
			clear(t.failures)
		}
	}
	for _, k := range keys(name, r) {
		f := t.failures[k]
		if now.Sub(f.last) > 2*longestWait {
			f.n = 0
		}
		t.failures[k] = failures{f.n + 1, now}
	}
}

// forgive forgets a name's failures once its password was right; those of the
// address stay, so that one known password does not buy guesses at others.
func (t *throttle) forgive(name string) {
	t.Lock()
	defer t.Unlock()
	delete(t.failures, "name "+name)
}

// buckets bound requests a second, with a second's worth in a burst.
type buckets struct {
	sync.Mutex
	rate float64
	all  map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newBuckets(rate float64) *buckets { return &buckets{rate: rate, all: make(map[string]bucket)} }

// take reports whether one more request may pass; those of this machine always
// may.
func (b *buckets) take(user string, r *http.Request, now time.Time) bool {
	from := address(r)
	if ip := net.ParseIP(from); ip != nil && ip.IsLoopback() {
		return true
	}
	key := "user " + user
	if user == "" {
		key = "address " + from
	}
	b.Lock()
	defer b.Unlock()
	if len(b.all) >= remembered {
		clear(b.all)
	}
	k, ok := b.all[key]
	if !ok {
		k = bucket{b.rate, now}
	}
	k.left = min(b.rate, k.left+now.Sub(k.at).Seconds()*b.rate)
	k.at = now
	pass := k.left >= 1
	if pass {
		k.left--
	}
	b.all[key] = k
	return pass
}

func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	admit.Refuse(w, http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "Too many requests, or failed sign-ins: try again later.")
}
