package inference

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"pipe/artifacts/table"
)

// LoggedRow is a row of a request log: what was asked, what was answered, and by
// which version.
type LoggedRow struct {
	Request    string // "" in files from before requests had ids
	Deployment string
	Time       time.Time
	Took       time.Duration
	Model      string // "" in such files, too, like Digest
	Version    int
	Digest     string
	Role       string
	Inputs     []LoggedInput // none where the policy keeps none
	Prediction string
	// Probability is NaN where the file has none.
	Probability float64
}

// LoggedInput is a value of a row as a text.
type LoggedInput struct{ Name, Value string }

// LoggedQuery selects rows of a log.
type LoggedQuery struct {
	Request string // the rows of this request
	Version int    // those of this version; 0: of all
	Limit   int    // the newest of them
}

// The bounds of looking into a log.
const (
	logFilesOfRequest = 8  // that may hold a request, by their names
	logFilesOfList    = 20 // are looked through for the newest rows
	logValue          = 4000
)

// Logged reads the log of a deployment, what waits in memory included: rows of one
// request in their order, others newest first.
func (s *Server) Logged(deployment string, q LoggedQuery) ([]LoggedRow, error) {
	if s.o.Dir == "" {
		return nil, nil
	}
	var rows []LoggedRow
	if e, ok := (*s.endpoints.Load())[deployment]; ok {
		rows = e.log.waiting(deployment, q)
	}
	if q.Request != "" && len(rows) > 0 {
		slices.Reverse(rows)
		return rows, nil
	}
	dir := filepath.Join(s.o.Dir, "requests", deployment)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return rows, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the request log: %w", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".parquet") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	if q.Request != "" {
		return findRequest(dir, names, deployment, q)
	}
	for i, name := range slices.Backward(names) {
		if len(rows) >= q.Limit || len(names)-i > logFilesOfList {
			break
		}
		more, err := readLog(filepath.Join(dir, name), deployment, q)
		if err != nil {
			return nil, err
		}
		slices.Reverse(more)
		rows = append(rows, more...)
	}
	return rows[:min(q.Limit, len(rows))], nil
}

// waiting are the rows that are not written yet, newest first.
func (l *requestLog) waiting(deployment string, q LoggedQuery) (rows []LoggedRow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.rows) - 1; i >= 0 && (q.Request != "" || len(rows) < q.Limit); i-- {
		r := &l.rows[i]
		if q.Request != "" && r.id != q.Request || q.Version != 0 && r.version != q.Version {
			continue
		}
		row := LoggedRow{Request: r.id, Deployment: deployment, Time: r.at, Took: r.took, Model: r.model, Version: r.version, Digest: r.digest, Role: r.role, Prediction: r.said(), Probability: float64(r.probability)}
		if l.inputs == "keep" || l.inputs == "" {
			for _, c := range l.columns {
				row.Inputs = append(row.Inputs, LoggedInput{c.name, inputText(r.row[c.name])})
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func inputText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []byte:
		return strconv.Itoa(len(v)) + " bytes"
	case string:
		return v[:min(len(v), logValue)]
	}
	return fmt.Sprint(v)
}

// findRequest looks into the files that were finished after the request was
// answered: their names begin with the second of that.
func findRequest(dir string, names []string, deployment string, q LoggedQuery) ([]LoggedRow, error) {
	if len(q.Request) != 32 {
		return nil, nil
	}
	ms, err := strconv.ParseInt(q.Request[:12], 16, 64)
	if err != nil {
		return nil, nil
	}
	from, _ := slices.BinarySearch(names, time.UnixMilli(ms).UTC().Format("20060102T150405Z"))
	for _, name := range names[from:min(len(names), from+logFilesOfRequest)] {
		rows, err := readLog(filepath.Join(dir, name), deployment, q)
		if err != nil || len(rows) > 0 {
			return rows, err
		}
	}
	return nil, nil
}

// readLog reads the rows that a query selects, in their order, the last of them
// where it has a limit.
func readLog(path, deployment string, q LoggedQuery) (rows []LoggedRow, err error) {
	r, err := table.OpenFile(path, table.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	fields := r.Schema().Fields()
	inputs := len(fields) - len(added)
	named := inputs >= 0 && fields[len(fields)-1].Name == added[len(added)-1].Name
	if !named {
		if inputs = len(fields) - len(added) + 3; inputs < 0 || q.Request != "" {
			return nil, nil // it is from before requests had ids
		}
	}
	for b, err := range table.All(r) {
		if err != nil {
			return nil, err
		}
		for i := range int(b.NumRows()) {
			if q.Request != "" && b.Column(inputs+6).ValueStr(i) != q.Request {
				continue
			}
			row := LoggedRow{Deployment: deployment, Prediction: textAt(b, inputs, i), Role: textAt(b, inputs+4, i), Probability: math.NaN()}
			if v, ok := b.Column(inputs + 3).(*array.Int64); ok {
				row.Version = int(v.Value(i))
			}
			if q.Version != 0 && row.Version != q.Version {
				continue
			}
			if p, ok := b.Column(inputs + 1).(*array.Float32); ok && p.IsValid(i) {
				row.Probability = float64(p.Value(i))
			}
			if t, ok := b.Column(inputs + 2).(*array.Timestamp); ok {
				row.Time = t.Value(i).ToTime(arrow.Microsecond)
			}
			if ms, ok := b.Column(inputs + 5).(*array.Float64); ok {
				row.Took = time.Duration(ms.Value(i) * float64(time.Millisecond))
			}
			if named {
				row.Request, row.Model, row.Digest = textAt(b, inputs+6, i), textAt(b, inputs+7, i), textAt(b, inputs+8, i)
			}
			for j, c := range b.Columns()[:inputs] {
				text := "null"
				if c.IsValid(i) {
					if bytes, ok := c.(*array.Binary); ok {
						text = inputText(bytes.Value(i))
					} else {
						text = inputText(textAt(b, j, i))
					}
				}
				row.Inputs = append(row.Inputs, LoggedInput{fields[j].Name, text})
			}
			rows = append(rows, row)
			if q.Limit > 0 && len(rows) >= 2*q.Limit {
				rows = append(rows[:0], rows[len(rows)-q.Limit:]...)
			}
		}
	}
	if q.Limit > 0 && len(rows) > q.Limit {
		rows = rows[len(rows)-q.Limit:]
	}
	return rows, nil
}

// textAt is a value that outlives its batch.
func textAt(b arrow.RecordBatch, column, row int) string {
	return strings.Clone(b.Column(column).ValueStr(row))
}
