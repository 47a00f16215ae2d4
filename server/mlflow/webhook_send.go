package mlflow

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pipe/notify"
	"pipe/registry"
)

const (
	webhookTimeout = 30 * time.Second
	webhookTries   = 4
	webhookWorkers = 4
	// webhookQueue bounds what waits to be sent; what comes when it is full is
	// dropped and logged, because a call must never wait for somebody's address.
	webhookQueue = 1000
	// webhookAnswerMost bounds what is read of an answer.
	webhookAnswerMost = 64 << 10
)

// hooks sends events to webhooks.
type hooks struct {
	reg          *registry.Registry
	log          *slog.Logger
	allowPrivate bool
	queues       []chan delivery // a webhook has one of them, so that it is told in order
	stop         context.CancelFunc
	ended        sync.WaitGroup
	begin        sync.Once
	first        time.Duration // the wait before the second try; tests shorten it
}

// delivery is an event on its way to one address.
type delivery struct {
	to    registry.Webhook
	event string
	data  any
	at    time.Time
}

// tell queues an event for every webhook that wants it. It is called once the
// change is made, and its own failures are the log's business.
func (h *hooks) tell(ctx context.Context, event string, data any) {
	list, _, err := h.reg.Webhooks(ctx, "", 0)
	if err != nil {
		h.log.Error("webhooks", "event", event, "error", err)
		return
	}
	for _, w := range list {
		if w.Disabled || !slices.Contains(w.Events, event) {
			continue
		}
		h.begin.Do(h.start)
		sum := fnv.New32a()
		_, _ = io.WriteString(sum, w.ID) // never fails
		select {
		case h.queues[sum.Sum32()%uint32(len(h.queues))] <- delivery{w, event, data, time.Now()}:
		default:
			h.log.Error("webhook: too many wait, this one is dropped", "webhook", w.Name, "event", event)
		}
	}
}

// start starts the workers, which a server without webhooks never needs.
func (h *hooks) start() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	for range webhookWorkers {
		queue := make(chan delivery, webhookQueue)
		h.queues = append(h.queues, queue)
		h.ended.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case d := <-queue:
					h.deliver(ctx, d)
				}
			}
		})
	}
}

func (h *hooks) close() {
	h.begin.Do(func() {}) // from here on nothing starts
	if h.stop != nil {
		h.stop()
		h.ended.Wait()
	}
}

// deliver tries until the address has taken the event, will not, or was asked
// often enough.
func (h *hooks) deliver(ctx context.Context, d delivery) {
	wait := h.first
	for try := 1; ; try++ {
		status, _, err := h.send(ctx, d.to, d.event, d.data, d.at)
		var refused *apiError
		later := err != nil && !errors.As(err, &refused) || status == http.StatusTooManyRequests || status >= 500
		if err == nil && status < 400 {
			return
		}
		if !later || try == webhookTries {
			h.log.Error("webhook", "webhook", d.to.Name, "event", d.event, "tries", try, "status", status, "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// send posts an event once, signed as MLflow signs.
func (h *hooks) send(ctx context.Context, w registry.Webhook, event string, data any, at time.Time) (status int, answer string, err error) {
	entity, action, _ := strings.Cut(event, ".")
	body, err := json.Marshal(map[string]any{"entity": entity, "action": action, "timestamp": at.UTC().Format("2006-01-02T15:04:05.000000+00:00"), "data": data})
	if err != nil {
		return 0, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, "", invalid("the address of the webhook cannot be read")
	}
	id, seconds := newDeliveryID(), strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pipe")
	req.Header.Set("X-MLflow-Delivery-Id", id)
	req.Header.Set("X-MLflow-Timestamp", seconds)
	if w.Secret != "" {
		mac := hmac.New(sha256.New, []byte(w.Secret))
		fmt.Fprintf(mac, "%s.%s.%s", id, seconds, body)
		req.Header.Set("X-MLflow-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	resp, err := notify.Client(w.URL, webhookTimeout, h.allowPrivate).Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the rest of it is the address, which may hold a secret
		}
		if private := (*notify.PrivateError)(nil); errors.As(err, &private) {
			err = refusedAddress(err)
		}
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, webhookAnswerMost))
	return resp.StatusCode, strings.ToValidUTF8(string(text), "�"), err
}

// newDeliveryID is a random UUID, which a receiver knows repetitions by.
func newDeliveryID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
