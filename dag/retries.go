package dag

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"regexp"
	"time"

	"pipe/dag/text"
)

// Retries say how often a stage that failed is tried again, and after which
// wait. They change when outputs come to be and never what they are, so they
// are no part of a key.
type Retries struct {
	Times    int       `yaml:"times" doc:"how often the stage is tried again" required:"true" min:"0" max:"100" example:"3"`
	Delay    Duration  `yaml:"delay" doc:"the wait before the first retry" default:"1s"`
	Backoff  float64   `yaml:"backoff" doc:"how many times longer each wait is than the one before; 1 for equal waits" default:"2" min:"1"`
	MaxDelay Duration  `yaml:"max_delay" doc:"the longest wait" default:"5m"`
	Jitter   float64   `yaml:"jitter" doc:"the share of a wait by which it is made longer or shorter at random, so that stages that failed together do not return together" default:"0.1" min:"0" max:"1"`
	On       []Pattern `yaml:"on" doc:"regular expressions (RE2): only an error whose text matches one of them is retried; none means every error"`
}

// DecodeNode implements text.NodeDecoder: a number is how often.
func (r *Retries) DecodeNode(d *text.Decoder, n *text.Node) {
	type plain Retries
	if n.Kind == text.Scalar && n.Value != nil {
		n = &text.Node{Kind: text.Mapping, Pos: n.Pos, Keys: []*text.Node{{Pos: n.Pos, Raw: "times", Value: "times"}}, Items: []*text.Node{n}}
	}
	d.Known(n, (*plain)(r), "retries")
}

// Pattern is a regular expression in a pipeline.
type Pattern struct{ re *regexp.Regexp }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Pattern) UnmarshalText(b []byte) (err error) {
	if p.re, err = regexp.Compile(string(b)); err != nil {
		return fmt.Errorf("this is no regular expression: %w", err)
	}
	return nil
}

// TypeText names the type for the reference pages.
func (Pattern) TypeText() string { return "regular expression" }

// again tells whether an error is worth another attempt. A panic is a bug and
// would come back; an interrupted run is not to go on.
func (r *Retries) again(err error) bool {
	var bug *PanicError
	if errors.As(err, &bug) || errors.Is(err, context.Canceled) {
		return false
	}
	for _, p := range r.On {
		if p.re.MatchString(err.Error()) {
			return true
		}
	}
	return len(r.On) == 0
}

// wait is how long to wait after a failed attempt; the first has number 1.
func (r *Retries) wait(attempt int, draw *rand.Rand) time.Duration {
	d := float64(r.Delay) * math.Pow(r.Backoff, float64(attempt-1))
	d = min(d, float64(r.MaxDelay))
	return time.Duration(d * (1 + r.Jitter*(2*draw.Float64()-1)))
}

// jitter is the generator of a stage's waits. The name is in it, unlike in what
// stages draw from: stages of one pipeline are to wait differently, and no
// output depends on it.
func jitter(seed uint64, stage string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(stage))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// sleep waits, or gives the reason why it was not to wait on.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
