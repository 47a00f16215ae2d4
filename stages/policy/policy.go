// Package policy owns what a deployment promises beside which version answers:
// batching, queue, deadlines, a canary, a shadow, when to go back by itself, and
// what is kept of requests. A pipeline writes it in YAML, the registry keeps it as
// JSON, and the server obeys it.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"time"

	"pipe/dag"
)

// Policy is how a deployment answers. The zero value of a field means its
// default.
type Policy struct {
	MaxBatch int          `yaml:"max_batch" json:"max_batch,omitempty" doc:"how many rows go through the model at once at most" default:"32" min:"1" max:"4096"`
	MaxDelay dag.Duration `yaml:"max_delay" json:"max_delay,omitempty" doc:"how long a row waits for others; without it a batch is what came while the model was busy" example:"2ms"`
	Queue    int          `yaml:"queue" json:"queue,omitempty" doc:"how many rows may wait; more are refused with 429 and Retry-After" default:"1024" min:"1" max:"1000000"`
	Timeout  dag.Duration `yaml:"timeout" json:"timeout,omitempty" doc:"how long a request may take before it is answered with 504; without it 30s" example:"5s"`
	MaxBody  int64        `yaml:"max_body" json:"max_body,omitempty" doc:"how many bytes a request may have; more are refused with 413" default:"16777216" min:"1" max:"1073741824"`

	Canary   *Canary   `yaml:"canary" json:"canary,omitempty" doc:"a second version that answers a part of the requests"`
	Shadow   string    `yaml:"shadow" json:"shadow,omitempty" doc:"a version (/4 or @challenger) that gets every request, too, and whose answers are compared and not returned" example:"@challenger"`
	Rollback *Rollback `yaml:"rollback" json:"rollback,omitempty" doc:"the limits of the live traffic beyond which the version before takes over again"`
	Drift    *Drift    `yaml:"drift" json:"drift,omitempty" doc:"from where on requests and answers count as drifted from what the version learnt from; people are told then"`
	Log      *Log      `yaml:"log" json:"log,omitempty" doc:"which requests are kept as Parquet tables"`
}

// Canary is a version on trial.
type Canary struct {
	Target  string  `yaml:"target" json:"target" doc:"the version: /4 or @challenger" required:"true" example:"@challenger"`
	Percent float64 `yaml:"percent" json:"percent" doc:"share of the requests that it answers" required:"true" above:"0" max:"100"`
	// Key makes it sticky.
	Key string `yaml:"key" json:"key,omitempty" doc:"a request header; requests with equal values are answered by the same version" example:"X-User"`
}

// Drift says when live traffic is no longer like the training, whose profile the
// model has with it.
type Drift struct {
	PSI     float64      `yaml:"psi" json:"psi,omitempty" doc:"population stability index of a column, a text's length or the answers" default:"0.2" above:"0"`
	Change  float64      `yaml:"change" json:"change,omitempty" doc:"by how much the share of missing values, new categories or unknown words may rise or fall" default:"0.1" above:"0" max:"1"`
	Window  dag.Duration `yaml:"window" json:"window,omitempty" doc:"the time that is looked at, up to 7 days; without it 1h" example:"1h"`
	MinRows int          `yaml:"min_rows" json:"min_rows,omitempty" doc:"fewer rows in the window decide nothing" default:"200" min:"1"`
}

// Validate says what is wrong.
func (d *Drift) Validate() error {
	if d.PSI < 0 || d.Change < 0 || d.Change > 1 || d.MinRows < 0 {
		return fmt.Errorf("drift.psi and drift.min_rows must not be negative, and drift.change is between 0 and 1; they are %v, %d and %v", d.PSI, d.MinRows, d.Change)
	}
	if w := time.Duration(d.Window); w != 0 && (w < time.Second || w > 7*24*time.Hour) {
		return fmt.Errorf("drift.window is from 1s to 168h, not %v", w)
	}
	return nil
}

// Rollback are the limits of live traffic. 0 means no limit.
type Rollback struct {
	ErrorRate   float64      `yaml:"error_rate" json:"error_rate,omitempty" doc:"share of requests that fail in the server" min:"0" max:"1" example:"0.02"`
	P99         dag.Duration `yaml:"p99" json:"p99,omitempty" doc:"99 of 100 requests take less" example:"250ms"`
	Drift       float64      `yaml:"drift" json:"drift,omitempty" doc:"population stability index of a column or of the answers, over the window of the deployment's drift" min:"0" example:"0.5"`
	Window      dag.Duration `yaml:"window" json:"window,omitempty" doc:"the time that is looked at; without it 1m" example:"1m"`
	MinRequests int          `yaml:"min_requests" json:"min_requests,omitempty" doc:"fewer requests in the window decide nothing" default:"50" min:"1"`
}

// Log says which requests are kept.
type Log struct {
	Sample float64 `yaml:"sample" json:"sample" doc:"share of the requests that are kept" default:"1" min:"0" max:"1"`
	Inputs string  `yaml:"inputs" json:"inputs,omitempty" doc:"keep: the columns as they came; hash: a SHA-256 of each value; none" default:"keep" enum:"keep,hash,none"`
}

var target = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(/[0-9]+|@[A-Za-z0-9_-]{1,255})$`) })

// ValidTarget tells whether s names a version of a model that is known from
// elsewhere: /3 or @champion.
func ValidTarget(s string) bool { return target().MatchString(s) }

// Validate says what is wrong.
func (p *Policy) Validate() error {
	var errs []error
	if p.MaxBatch < 0 || p.Queue < 0 || p.MaxBody < 0 {
		errs = append(errs, errors.New("max_batch, queue and max_body must not be negative"))
	}
	if p.Shadow != "" && !ValidTarget(p.Shadow) {
		errs = append(errs, fmt.Errorf("shadow is a version such as /4 or @challenger, not %q", p.Shadow))
	}
	if c := p.Canary; c != nil {
		if !ValidTarget(c.Target) {
			errs = append(errs, fmt.Errorf("canary.target is a version such as /4 or @challenger, not %q", c.Target))
		}
		if !(c.Percent > 0 && c.Percent <= 100) {
			errs = append(errs, fmt.Errorf("canary.percent is above 0 and at most 100, not %v", c.Percent))
		}
	}
	if p.Drift != nil {
		errs = append(errs, p.Drift.Validate())
	}
	if r := p.Rollback; r != nil {
		if !(r.ErrorRate >= 0 && r.ErrorRate <= 1) {
			errs = append(errs, fmt.Errorf("rollback.error_rate is between 0 and 1, not %v", r.ErrorRate))
		}
		if !(r.Drift >= 0) || math.IsInf(r.Drift, 0) {
			errs = append(errs, fmt.Errorf("rollback.drift must not be negative, is %v", r.Drift))
		}
		if r.P99 < 0 || r.Window < 0 || r.MinRequests < 0 {
			errs = append(errs, errors.New("rollback.p99, rollback.window and rollback.min_requests must not be negative"))
		}
	}
	if l := p.Log; l != nil {
		if !(l.Sample >= 0 && l.Sample <= 1) {
			errs = append(errs, fmt.Errorf("log.sample is between 0 and 1, not %v", l.Sample))
		}
		switch l.Inputs {
		case "", "keep", "hash", "none":
		default:
			errs = append(errs, fmt.Errorf("log.inputs is keep, hash or none, not %q", l.Inputs))
		}
	}
	return errors.Join(errs...)
}

// Read reads the JSON that a person gives: what has no meaning is an error.
func Read(text string) (*Policy, error) {
	p := new(Policy)
	if trimmed := strings.TrimSpace(text); !strings.HasPrefix(trimmed, "{") {
		return nil, fmt.Errorf("a policy is a JSON object such as {\"max_batch\": 16}, not %s", trimmed)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.More() {
		return nil, errors.New("something stands behind the JSON object")
	}
	return p, nil
}

// Parse reads the JSON that the registry keeps and fills in the defaults.
func Parse(b []byte) (*Policy, error) {
	p := new(Policy)
	if len(b) > 0 {
		if err := json.Unmarshal(b, p); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	p.defaults()
	return p, nil
}

func (p *Policy) defaults() {
	set(&p.MaxBatch, 32)
	set(&p.Queue, 1024)
	set(&p.Timeout, dag.Duration(30*time.Second))
	set(&p.MaxBody, 16<<20)
	if r := p.Rollback; r != nil {
		set(&r.Window, dag.Duration(time.Minute))
		set(&r.MinRequests, 50)
	}
	if p.Drift == nil {
		p.Drift = new(Drift)
	}
	set(&p.Drift.PSI, 0.2)
	set(&p.Drift.Change, 0.1)
	set(&p.Drift.Window, dag.Duration(time.Hour))
	set(&p.Drift.MinRows, 200)
	if l := p.Log; l != nil {
		set(&l.Inputs, "keep")
	}
}

func set[T comparable](at *T, standard T) {
	var zero T
	if *at == zero {
		*at = standard
	}
}
