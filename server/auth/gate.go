package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"pipe/registry"
	"pipe/server/admit"
)

// Options change how a Gate behaves; the zero value is right.
type Options struct {
	// SignIn shows the page to sign in at; nil: a plain one. What it shows must
	// need no file that is not Open.
	SignIn func(w http.ResponseWriter, r *http.Request, f Form)
	// Open are paths, or beginnings of them that end in "/", for which nobody
	// has to sign in, as the style sheet of the page. /health and /version are.
	Open []string
	// Rate is how many requests a second a user, or an address without one, may
	// make from other machines; 0: 2,000.
	Rate float64
	Now  func() time.Time // nil: time.Now
	Log  *slog.Logger     // nil: slog.Default
}

// Gate tells who sends a request and refuses those who may not.
type Gate struct {
	reg     *registry.Registry
	opt     Options
	known   cache
	failed  *throttle
	rate    *buckets
	hashing chan struct{} // bounds the memory that hashes take
	setUp   setUp
}

// New returns the gate of a registry's users.
func New(reg *registry.Registry, opt Options) *Gate {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.SignIn == nil {
		opt.SignIn = plainPage
	}
	if opt.Rate == 0 {
		opt.Rate = 2000
	}
	return &Gate{reg: reg, opt: opt, failed: newThrottle(), rate: newBuckets(opt.Rate), hashing: make(chan struct{}, 2)}
}

// fresh is how long what the registry says of somebody is believed: a removed
// user or a revoked token works for so long at most.
const fresh = time.Second

// setUp remembers whether there are users.
type setUp struct {
	sync.Mutex
	at  time.Time
	has bool
}

// Needed reports whether anybody has been set up, so that everybody has to
// sign in.
func (g *Gate) Needed(ctx context.Context) (bool, error) {
	g.setUp.Lock()
	defer g.setUp.Unlock()
	if now := g.opt.Now(); g.setUp.at.IsZero() || now.Sub(g.setUp.at) >= fresh {
		has, err := g.reg.HasUsers(ctx)
		if err != nil {
			return true, err
		}
		g.setUp.has, g.setUp.at = has, now
	}
	return g.setUp.has, nil
}

// errNobody says that a request carries nothing to tell who sends it.
var errNobody = errors.New("nobody is signed in")

// Handler puts the gate before next, which finds by From(ctx) who asks.
func (g *Gate) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		needed, err := g.Needed(r.Context())
		if err != nil {
			g.fail(w, r, err)
			return
		}
		if !needed {
			next.ServeHTTP(w, r)
			return
		}
		p, err := g.who(r)
		if err == nil && !g.rate.take(p.Name, r, g.opt.Now()) || err != nil && !g.rate.take("", r, g.opt.Now()) {
			tooMany(w, time.Second)
			return
		}
		switch {
		case err == nil:
		case g.open(r.URL.Path):
			next.ServeHTTP(w, r.WithContext(With(r.Context(), nobody)))
			return
		default:
			g.refuse(w, r, err)
			return
		}
		if err := checkCSRF(p, r); err != nil {
			admit.Refuse(w, http.StatusForbidden, "PERMISSION_DENIED", err.Error())
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), p)))
	})
}

// Require lets pass who may read everything (GET, HEAD) or write everything
// (all else); it stands before a room that does not ask From itself.
func Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := From(r.Context())
		if need := needs(r); p != nobody && !p.May(need, Resource{}) {
			admit.Refuse(w, http.StatusForbidden, "PERMISSION_DENIED", p.Name+" may not do this: it takes the level "+need.String()+".")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// nobody may do nothing, and gets where nobody has to sign in.
var nobody = &Principal{}

func needs(r *http.Request) Level {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return Read
	}
	return Write
}

// open reports whether a path needs nobody to be signed in.
func (g *Gate) open(path string) bool {
	switch path {
	case "/health", "/version", SignInPath, SignOutPath:
		return true
	}
	for _, o := range g.opt.Open {
		if path == o || strings.HasSuffix(o, "/") && strings.HasPrefix(path, o) {
			return true
		}
	}
	return false
}

// refuse sends a browser to the page to sign in at, and tells a program what
// to send.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var wait *waitError
	switch {
	case errors.As(err, &wait):
		tooMany(w, wait.left)
	case !errors.Is(err, errNobody) && !errors.Is(err, errWrong):
		g.fail(w, r, err)
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("Authorization") == "":
		http.Redirect(w, r, SignInPath+"?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	default:
		w.Header().Set("WWW-Authenticate", `Basic realm="pipe", charset="UTF-8"`)
		message := "This server needs to know who you are: set MLFLOW_TRACKING_TOKEN to a token, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
		if errors.Is(err, errWrong) {
			message = "The name, password or token is wrong, or the token has expired."
		}
		admit.Refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", message)
	}
}

func (g *Gate) fail(w http.ResponseWriter, r *http.Request, err error) {
	g.opt.Log.Error("sign-in", "path", r.URL.Path, "error", err)
	admit.Refuse(w, http.StatusInternalServerError, "INTERNAL_ERROR", "The server could not tell who you are; its log says why.")
}
