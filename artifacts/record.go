package artifacts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Key is the hash of a complete description of a stage's work: two stages with
// the same key produce the same bytes.
type Key Digest

// Valid reports whether k has the form of a key.
func (k Key) Valid() bool { return Digest(k).Valid() }

// Record is what a stage with some key produced. Whoever finds one need not
// run the stage: outputs, metrics and log are those of the run that made it.
type Record struct {
	Version  int            `json:"version"` // of this format; set by Store.Record
	Key      Key            `json:"key"`     // set by Store.Record
	Kind     string         `json:"kind"`
	Outputs  map[string]Ref `json:"outputs"` // by port
	Log      *Ref           `json:"log,omitempty"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished"`
	// Metrics are what the stage measured, as the stage spelled them.
	Metrics json.RawMessage `json:"metrics,omitempty"`
	// Description is what the key hashed, so that a later run can say why its
	// own key differs.
	Description json.RawMessage `json:"description,omitempty"`
}

const recordVersion = 1

const recordPrefix = "pipe-record "

// A record's file has four lines: the version and the SHA-256 of the other
// three, the record, its metrics, its description. Metrics and description are
// JSON too, and on lines of their own because a look-up needs only to carry
// them, not to read them.
//
//	pipe-record 1 5f0c…
//	{"version":1,"key":"9b1e…","kind":"nn.train","outputs":{…},"started":…}
//	{"loss":0.31}
//	{"kind":"nn.train","config":{…}}

// encode also checks that metrics and description are JSON. parseRecord does
// not: the checksum says that they are what encode wrote.
func (r *Record) encode() ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	line := *r
	line.Metrics, line.Description = nil, nil
	if line.Outputs == nil {
		line.Outputs = map[string]Ref{}
	}
	if err := enc.Encode(&line); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	for _, raw := range []json.RawMessage{r.Metrics, r.Description} {
		if raw == nil {
			raw = json.RawMessage("null")
		}
		if err := json.Compact(&body, raw); err != nil {
			return nil, fmt.Errorf("encode record: metrics or description: %w", err)
		}
		body.WriteByte('\n')
	}
	sum := sha256.Sum256(body.Bytes())
	head := fmt.Appendf(nil, "%s%d %x\n", recordPrefix, recordVersion, sum)
	return append(head, body.Bytes()...), nil
}

// parseRecord reads a record's file and keeps b. It takes exactly what encode
// writes, fields in that order, and nothing else that would also be JSON: a
// run that has nothing to do consists of look-ups, and this takes a quarter of
// encoding/json's time.
func parseRecord(b []byte) (*Record, error) {
	head, body, _ := bytes.Cut(b, []byte("\n"))
	if err := checkRecordHead(head, body); err != nil {
		return nil, err
	}
	return parseChecked(b)
}

// parseChecked is parseRecord for what was checked before.
func parseChecked(b []byte) (*Record, error) {
	_, body, _ := bytes.Cut(b, []byte("\n"))
	line, rest, _ := bytes.Cut(body, []byte("\n"))
	metrics, rest, _ := bytes.Cut(rest, []byte("\n"))
	description, rest, ended := bytes.Cut(rest, []byte("\n"))
	if !ended || len(rest) > 0 {
		return nil, errors.New("record: it has not four lines")
	}
	r, err := scanRecord(string(line))
	if err != nil {
		return nil, err
	}
	r.Metrics, r.Description = rawLine(metrics), rawLine(description)
	return r, r.validate()
}

func checkRecordHead(head, body []byte) error {
	rest, ok := bytes.CutPrefix(head, []byte(recordPrefix))
	version, sum, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok || !ok2 {
		return fmt.Errorf("record: it begins with %q and not with %q", shorten(string(head), 40), recordPrefix)
	}
	if string(version) != strconv.Itoa(recordVersion) {
		return fmt.Errorf("record: its version is %q and this pipe reads %d", shorten(string(version), 20), recordVersion)
	}
	var text [2 * sha256.Size]byte
	want := sha256.Sum256(body)
	hex.Encode(text[:], want[:])
	if string(sum) != string(text[:]) {
		return errors.New("record: its checksum does not match")
	}
	return nil
}

func rawLine(line []byte) json.RawMessage {
	if string(line) == "null" {
		return nil
	}
	return line[:len(line):len(line)]
}

func (r *Record) validate() error {
	if r.Version != recordVersion {
		return fmt.Errorf("record: its version is %d and this pipe reads %d", r.Version, recordVersion)
	}
	if !r.Key.Valid() {
		return fmt.Errorf("record: key %q is not 64 lower-case hexadecimal digits", r.Key)
	}
	for port, ref := range r.Outputs {
		if err := ref.Validate(); err != nil {
			return fmt.Errorf("record: output %q: %w", port, err)
		}
	}
	if r.Log != nil {
		if err := r.Log.Validate(); err != nil {
			return fmt.Errorf("record: log: %w", err)
		}
	}
	return nil
}
