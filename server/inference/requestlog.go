package inference

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"pipe/artifacts/table"
)

// The request log is the way from production back to training: Parquet tables
// with what was asked and what was answered, which a pipeline reads as a source.
// Each file is whole from the moment that it has its name.

// A file is finished after as many rows, or as long, whichever comes first.
const (
	logRows  = 10_000
	logEvery = time.Minute
	// logWaiting bounds the rows in memory of a disk that does not follow; further
	// ones are counted and not kept.
	logWaiting = 4 * logRows
)

// logged is a row of the log.
type logged struct {
	at          time.Time
	took        time.Duration
	id          string // of the request
	model       string
	version     int
	digest      string
	role        string
	row         map[string]any
	prediction  any
	probability float32
}

// said is the prediction as a text.
func (r *logged) said() string {
	if s, ok := r.prediction.(string); ok {
		return s
	}
	return string(appendValue(nil, r.prediction))
}

// requestLog keeps the rows of one deployment until they are written.
type requestLog struct {
	mu      sync.Mutex
	rows    []logged
	columns []column
	inputs  string // "keep", "hash" or "none"
	since   time.Time
	files   int
	dropped int64
}

// keep takes a request that was answered into the log, if the policy says so.
func (s *Server) keep(q *request, now time.Time) {
	p := q.route.policy.Log
	if p == nil || s.o.Dir == "" || len(q.answers) == 0 || rand.Float64() >= p.Sample {
		return
	}
	l := q.arm.instance.loaded.Load()
	if l == nil {
		return // evicted this moment
	}
	log := &q.endpoint.log
	log.mu.Lock()
	defer log.mu.Unlock()
	if len(log.rows) == 0 {
		log.since, log.columns, log.inputs = now, l.columns, p.Inputs
	}
	if len(log.rows)+len(q.answers) > logWaiting {
		log.dropped += int64(len(q.answers))
		return
	}
	v := q.arm.version()
	for i, a := range q.answers {
		log.rows = append(log.rows, logged{now, now.Sub(q.begun), q.id, v.Model, v.Version, string(v.Ref.Digest), q.arm.role, q.rows[i], a.Prediction, a.Probability})
	}
}

// writeLogs writes what is due; with all, whatever there is.
func (s *Server) writeLogs(now time.Time, all bool) {
	for _, e := range *s.endpoints.Load() {
		log := &e.log
		log.mu.Lock()
		rows, columns, inputs := log.rows, log.columns, log.inputs
		due := len(rows) > 0 && (all || len(rows) >= logRows || now.Sub(log.since) >= logEvery)
		if due {
			log.rows = nil
			log.files++
		}
		number := log.files
		log.mu.Unlock()
		if !due {
			continue
		}
		path := filepath.Join(s.o.Dir, "requests", e.name, fmt.Sprintf("%s-%d-%d.parquet", now.UTC().Format("20060102T150405Z"), os.Getpid(), number))
		if err := writeLog(path, rows, columns, inputs); err != nil {
			s.log.Error("write the request log", "deployment", e.name, "rows", len(rows), "error", err)
		}
	}
}

// logSchema is the columns of the inputs as they came, or as text where they are
// hashed, and beside them what pipe adds.
func logSchema(columns []column, inputs string) (*arrow.Schema, error) {
	var fields []arrow.Field
	taken := map[string]bool{}
	for i := range columns {
		c := &columns[i]
		typ, err := table.ParseType(c.typ)
		if err != nil {
			return nil, err
		}
		if inputs == "hash" || !flat(typ) {
			typ = arrow.BinaryTypes.String
		}
		if inputs != "none" {
			fields = append(fields, arrow.Field{Name: c.name, Type: typ, Nullable: true})
			taken[c.name] = true
		}
	}
	for _, f := range added {
		if taken[f.Name] {
			f.Name = "pipe_" + f.Name
		}
		fields = append(fields, f)
	}
	return arrow.NewSchema(fields, nil), nil
}

// added are the columns beside the inputs. The last three lead from a prediction
// back to the data that it came from; a file that begins without them is from
// before they were there.
var added = []arrow.Field{
	{Name: "prediction", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "probability", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "pipe_time", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
	{Name: "pipe_version", Type: arrow.PrimitiveTypes.Int64},
	{Name: "pipe_role", Type: arrow.BinaryTypes.String},
	{Name: "pipe_milliseconds", Type: arrow.PrimitiveTypes.Float64},
	{Name: "pipe_request", Type: arrow.BinaryTypes.String},
	{Name: "pipe_model", Type: arrow.BinaryTypes.String},
	{Name: "pipe_digest", Type: arrow.BinaryTypes.String},
}

// flat tells whether a value of a row can be appended as it is.
func flat(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY, arrow.BOOL, arrow.FLOAT32, arrow.FLOAT64:
		return true
	}
	return arrow.IsInteger(t.ID())
}

func writeLog(path string, rows []logged, columns []column, inputs string) error {
	schema, err := logSchema(columns, inputs)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := table.Create(path, schema)
	if err != nil {
		return err
	}
	defer f.Discard()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, r := range rows {
		at := 0
		if inputs != "none" {
			for i := range columns {
				appendLogged(b.Field(at), r.row[columns[i].name], inputs == "hash")
				at++
			}
		}
		b.Field(at).(*array.StringBuilder).Append(r.said())
		b.Field(at + 1).(*array.Float32Builder).Append(r.probability)
		b.Field(at + 2).(*array.TimestampBuilder).Append(arrow.Timestamp(r.at.UnixMicro()))
		b.Field(at + 3).(*array.Int64Builder).Append(int64(r.version))
		b.Field(at + 4).(*array.StringBuilder).Append(r.role)
		b.Field(at + 5).(*array.Float64Builder).Append(r.took.Seconds() * 1000)
		for i, text := range []string{r.id, r.model, r.digest} {
			b.Field(at + 6 + i).(*array.StringBuilder).Append(text)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	if err := f.Write(batch); err != nil {
		return err
	}
	return f.Commit()
}

// appendLogged appends a value as it is, as its hash, or as JSON.
func appendLogged(b array.Builder, v any, hashed bool) {
	if v == nil {
		b.AppendNull()
		return
	}
	if text, ok := b.(*array.StringBuilder); ok {
		s, isText := v.(string)
		if !isText {
			j, err := json.Marshal(v)
			if err != nil {
				text.AppendNull()
				return
			}
			s = string(j)
		}
		if hashed {
			sum := sha256.Sum256([]byte(s))
			s = hex.EncodeToString(sum[:])
		}
		text.Append(s)
		return
	}
	if bytes, ok := v.([]byte); ok {
		b.(*array.BinaryBuilder).Append(bytes)
		return
	}
	if err := b.AppendValueFromString(fmt.Sprint(v)); err != nil {
		b.AppendNull()
	}
}

// runLog writes the request logs until ctx is done, and then what is left.
func (s *Server) runLog(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.writeLogs(now, false)
		}
	}
}
