package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/textproto"
	"time"
)

// The waits between attempts double from firstWait to longestWait; a server
// that asks for more than that is not waited for.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
)

// again tries until it has worked, cannot work or was tried often enough.
func (t Target) again(ctx context.Context, m Message, send func(context.Context, Message) error) error {
	pause := t.Sleep
	if pause == nil {
		pause = sleep
	}
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err := t.once(ctx, m, send)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, !worthAnother(err):
			return err
		case attempt >= t.Tries && attempt > 1:
			return fmt.Errorf("tried %d times, the last time so: %w", attempt, err)
		case attempt >= t.Tries:
			return err
		}
		d := wait
		var no *refusal
		if errors.As(err, &no) && no.after > 0 {
			if d = no.after; d > longestWait {
				return err
			}
		}
		if pause(ctx, d) != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
}

func (t Target) once(ctx context.Context, m Message, send func(context.Context, Message) error) error {
	limited, stop := context.WithTimeout(ctx, time.Duration(t.Timeout))
	defer stop()
	err := send(limited, m)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("it took longer than %v", t.Timeout)
	}
	return err
}

// worthAnother tells what may be otherwise in a moment: the network, a busy
// server; not a refusal that is meant, nor a program that failed.
func worthAnother(err error) bool {
	var private *PrivateError
	var exit *commandError
	var no *refusal
	var smtp *textproto.Error
	var stranger *tls.CertificateVerificationError
	switch {
	case errors.As(err, &private), errors.As(err, &exit), errors.As(err, &stranger), errors.Is(err, errSettings):
		return false
	case errors.As(err, &no):
		return no.temporary()
	case errors.As(err, &smtp):
		return smtp.Code < 500 // 4yz is "later", 5yz "never" (RFC 5321)
	}
	return true
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
