package schedule

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"pipe/registry"
)

// HookPath is where webhooks arrive: HookPath + the schedule's name.
const HookPath = "/hooks/"

// signatureHeaders are what the signature may come in: ours, and that of
// GitHub, Gitea and others.
var signatureHeaders = []string{"X-Pipe-Signature-256", "X-Hub-Signature-256"}

// deliveryHeaders name a delivery, so that one that is sent again does not fire
// again.
var deliveryHeaders = []string{"X-Pipe-Delivery", "X-GitHub-Delivery", "X-Gitea-Delivery"}

// Hooks answers webhooks: POST /hooks/NAME with an HMAC-SHA256 of the body, as
// hexadecimal digits after "sha256=", by the secret that the environment
// variable holds which the schedule names. The members of "params" in a JSON
// body become params of the run.
func (s *Service) Hooks(getenv func(string) string) http.Handler {
	if getenv == nil {
		getenv = os.Getenv
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			http.Error(w, "a webhook is posted", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "the body is larger than 1 MiB, or cut off", http.StatusRequestEntityTooLarge)
			return
		}
		kept, err := s.Workspace.Registry.Schedule(r.Context(), strings.TrimPrefix(r.URL.Path, HookPath))
		secret := ""
		var e *entry
		if err == nil {
			if e, err = newEntry(kept); err == nil && e.spec.On != nil && e.spec.On.Webhook != "" {
				secret = getenv(e.spec.On.Webhook)
			}
		}
		// Whether a schedule is there is told only to who can sign for it.
		if secret == "" || !signed(r, body, secret) {
			http.Error(w, "there is no such webhook, its secret is not set, or the signature is wrong", http.StatusForbidden)
			return
		}
		f, fresh, err := s.hooked(r, e, body)
		if err != nil {
			reply(w, nil, err)
			return
		}
		if fresh {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
		}
		reply(w, map[string]any{"fire": f.ID, "at": f.At, "new": fresh}, nil)
	})
}

func signed(r *http.Request, body []byte, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	want := mac.Sum(nil)
	for _, h := range signatureHeaders {
		digits, ok := strings.CutPrefix(r.Header.Get(h), "sha256=")
		if got, err := hex.DecodeString(digits); ok && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

// hooked lets a schedule fire for a delivery. Within debounce, deliveries are
// taken together.
func (s *Service) hooked(r *http.Request, e *entry, body []byte) (f registry.Fire, fresh bool, err error) {
	now := s.now()
	var given struct {
		Params map[string]string `json:"params"`
	}
	if json.Valid(body) {
		if err := json.Unmarshal(body, &given); err != nil {
			return f, false, badRequest("params in the body is no map from names to text: " + err.Error())
		}
	}
	waiting, err := s.Workspace.Registry.Fires(r.Context(), registry.FireQuery{Schedule: e.Name, States: []registry.FireState{registry.FireQueued}, Causes: []string{"webhook"}, Limit: 1})
	if err != nil {
		return f, false, err
	}
	if e.spec.Quiet > 0 && len(waiting) > 0 && len(given.Params) == 0 {
		return waiting[0], false, nil
	}
	f = registry.Fire{At: now.Truncate(time.Second), Cause: "webhook", Why: "a signed request from " + r.RemoteAddr, Due: now.Add(time.Duration(e.spec.Quiet)), Priority: e.spec.Priority, Params: given.Params, Token: "webhook " + newRunID()}
	for _, h := range deliveryHeaders {
		if id := r.Header.Get(h); id != "" {
			f.Token = "webhook " + id
			before, err := s.Workspace.Registry.FireByToken(r.Context(), e.Name, f.Token)
			if err != nil || before != nil {
				return deref(before), false, err
			}
		}
	}
	f.Start, f.End = f.At, f.At
	added, err := s.Workspace.Registry.Enqueue(r.Context(), e.Name, []registry.Fire{f})
	s.knock()
	if err != nil || len(added) == 0 {
		return f, false, err
	}
	return added[0], true, nil
}

func deref(f *registry.Fire) registry.Fire {
	if f == nil {
		return registry.Fire{}
	}
	return *f
}
