package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/spf13/cobra"

	"pipe/artifacts/table"
	"pipe/dag"
	"pipe/dag/text"
	"pipe/registry"
	"pipe/stages/model"
)

func (a *app) predictCommand() *cobra.Command {
	var in, out string
	var asJSON bool
	var top int
	c := &cobra.Command{
		Use:   "predict MODEL [TEXT…]",
		Short: "Use a registered model: raw input in, labels and probabilities out",
		Long: `Predict answers with a registered model, named as NAME@ALIAS, NAME/VERSION or NAME
(the newest version). What it does to the input is what was evaluated. A row of a
model that reads columns is a JSON object. What cannot be answered does not keep the
rest from it; the exit code tells it.

Translations stand in the order of beam search: of the logarithm of the probability
divided by ((5 + tokens) / 6)^0.6. What is shown is the mean probability of a token, which
may be greater for one that stands behind. There are fewer than --top where the search
found fewer different texts.`,
		Example: `  pipe predict textclass@champion "Reads the next tar header"
  pipe predict digits picture.png
  pipe predict houses@champion '{"rooms": 4, "town": "Aarau"}'
  pipe predict textclass@champion --in questions.csv --out answers.parquet`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			switch {
			case in != "" && len(args) > 1:
				return usageError{fmt.Errorf("give texts or --in, not both")}
			case in == "" && len(args) == 1:
				return usageError{fmt.Errorf("nothing to predict: give a text, or a table with --in")}
			case top < 0:
				return usageError{fmt.Errorf("--top is how many labels or translations are shown, not %d", top)}
			case out != "" && in == "":
				return usageError{fmt.Errorf("--out goes with --in")}
			case sameFile(in, out):
				return usageError{fmt.Errorf("--in and --out are the same file, which would be lost; give --out another name")}
			}
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			served, v, err := w.ServedModel(ctx, args[0])
			if err != nil {
				return err
			}
			m, ok := served.(model.Predictor)
			task := served.Signature().Task
			switch {
			case !ok:
				return fmt.Errorf("open model %s version %d: %w%s", v.Model, v.Version, &model.TaskError{Has: task}, instead(task, args[0]))
			case top > 0 && !model.Ranks(task):
				return usageError{fmt.Errorf("--top: %s version %d is a model for %s, which gives one answer", v.Model, v.Version, task)}
			case in != "":
				return predictTable(ctx, cmd, m, in, out, top)
			}
			if m, ok := served.(*model.Answers); ok {
				return askQuestions(ctx, cmd.OutOrStdout(), m, v, args[1:], asJSON)
			}
			return predictTexts(cmd, m, v, args[1:], top, asJSON)
		},
	}
	c.Flags().StringVar(&in, "in", "", "a table: CSV, TSV, JSON Lines, Parquet or Arrow")
	c.Flags().StringVar(&out, "out", "", "write a table with the answers here, in the format that the name tells")
	c.Flags().IntVar(&top, "top", 0, "show so many of the labels (4 where it is not given), the most probable first, or of the translations (1), the best of the search first; with --in, as a column top")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// instead names the command for models of a task that answer no rows.
func instead(task, name string) string {
	switch task {
	case model.GenerationTask:
		return fmt.Sprintf("; `pipe generate %s TEXT` lets it write on", name)
	case model.TranscriptionTask:
		return fmt.Sprintf("; `pipe transcribe %s FILE` writes down what is said", name)
	}
	return ""
}

// sameFile tells whether two paths lead to one file.
func sameFile(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

func predictTexts(cmd *cobra.Command, m model.Predictor, v registry.ModelVersion, texts []string, top int, asJSON bool) error {
	w := cmd.OutOrStdout()
	return forEach(cmd, texts, "text", asJSON, func(t string) error {
		answer, err := predictOne(cmd.Context(), m, t, top)
		if err != nil {
			return err
		}
		if !asJSON {
			_, err := fmt.Fprintln(w, answerText(answer, cmp.Or(top, 4)))
			return err
		}
		asked := struct {
			Text    *string         `json:"text,omitempty"`
			Row     json.RawMessage `json:"row,omitempty"`
			Model   string          `json:"model"`
			Version int             `json:"version"`
			*model.Answer
		}{Model: v.Model, Version: v.Version, Answer: answer}
		if readsColumns(m.Signature()) {
			asked.Row = json.RawMessage(t)
		} else {
			asked.Text = &t
		}
		return json.NewEncoder(w).Encode(asked)
	})
}

// predictOne answers a text, or the file that it names where the model reads files.
func predictOne(ctx context.Context, m model.Predictor, arg string, top int) (*model.Answer, error) {
	inputs := m.Signature().Inputs
	if len(inputs) == 1 && inputs[0].Type == "binary" {
		data, err := os.ReadFile(arg)
		if err != nil {
			return nil, fmt.Errorf("the model reads files: %w", err)
		}
		answer, err := predictRow(ctx, m, map[string]any{inputs[0].Name: data}, top)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
		return answer, nil
	}
	if readsColumns(m.Signature()) {
		row, err := rowOf(arg, inputs)
		if err != nil {
			return nil, err
		}
		return predictRow(ctx, m, row, top)
	}
	if m, ok := m.(*model.Model); ok {
		return m.PredictText(ctx, arg)
	}
	return predictRow(ctx, m, map[string]any{inputs[0].Name: arg}, top)
}

// readsColumns tells a model that reads rows from one that reads a text or a file.
func readsColumns(s dag.Signature) bool {
	return len(s.Inputs) != 1 || s.Inputs[0].Type != "utf8" && s.Inputs[0].Type != "binary"
}

// rowOf reads a row from a JSON object, with all columns that the model reads.
func rowOf(arg string, inputs []dag.Column) (row map[string]any, err error) {
	d := json.NewDecoder(strings.NewReader(arg))
	d.UseNumber()
	err = d.Decode(&row)
	if err == nil && d.More() {
		err = errors.New("something follows the object")
	}
	if err != nil || row == nil {
		why := ""
		if strings.HasPrefix(strings.TrimSpace(arg), "{") {
			why = fmt.Sprintf(" (%v)", err)
		}
		return nil, usageError{fmt.Errorf("the model does not read one text but the columns %s: give a row as a JSON object, '{%q: …}'%s, or a table with --in", columns(inputs), inputs[0].Name, why)}
	}
	var names, missing []string
	for _, c := range inputs {
		names = append(names, c.Name)
		if _, ok := row[c.Name]; !ok {
			missing = append(missing, c.Name)
		}
	}
	if len(missing) == 0 {
		return row, nil
	}
	for name := range row {
		if near := text.DidYouMean(name, missing); near != "" && !slices.Contains(names, name) {
			return nil, usageError{fmt.Errorf("the model reads no column %q: %s", name, near)}
		}
	}
	return nil, usageError{fmt.Errorf("the row has no %s, which the model reads; null says that a value is missing", strings.Join(missing, ", "))}
}

func predictRow(ctx context.Context, m model.Predictor, row map[string]any, top int) (*model.Answer, error) {
	answers, err := model.PredictTop(ctx, m, []map[string]any{row}, top)
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// askQuestions answers questions from a table, each with its confidence and source.
func askQuestions(ctx context.Context, w io.Writer, m *model.Answers, v registry.ModelVersion, questions []string, asJSON bool) error {
	replies, err := m.Ask(ctx, questions)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	for i, r := range replies {
		if asJSON {
			err = enc.Encode(struct {
				Asked   string `json:"asked"`
				Model   string `json:"model"`
				Version int    `json:"version"`
				model.Reply
			}{questions[i], v.Model, v.Version, r})
		} else {
			source := ""
			if r.Source != "" {
				source = ", from " + r.Source
			}
			_, err = fmt.Fprintf(w, "%s  (%.1f%%%s; nearest: %s)\n", r.Answer, 100*r.Confidence, source, r.Question)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answerText writes "archive  94.1%  (bufio 2.0%, io 1.1%)", or each of several
// translations on a line with its probability, or each sentence of a summary with its
// place and score.
func answerText(a *model.Answer, top int) string {
	if len(a.Sentences) > 0 {
		lines := make([]string, len(a.Sentences))
		for i, s := range a.Sentences {
			lines[i] = fmt.Sprintf("%d  %.3g  %s", s.Index, s.Score, s.Text)
		}
		return strings.Join(lines, "\n")
	}
	if len(a.Top) > 0 {
		var lines []string
		for _, t := range a.Top {
			lines = append(lines, fmt.Sprintf("%5.1f%%  %s", 100*t.Probability, t.Prediction))
		}
		return strings.Join(lines, "\n")
	}
	if len(a.Probabilities) == 0 {
		return fmt.Sprint(a.Prediction)
	}
	labels := make([]string, 0, len(a.Probabilities))
	for l := range a.Probabilities {
		labels = append(labels, l)
	}
	sort.Slice(labels, func(i, j int) bool {
		a, b, p := labels[i], labels[j], a.Probabilities
		return p[a] > p[b] || p[a] == p[b] && a < b
	})
	var next []string
	for _, l := range labels[1:min(len(labels), top)] {
		next = append(next, fmt.Sprintf("%s %.1f%%", l, 100*a.Probabilities[l]))
	}
	if len(next) == 0 {
		return fmt.Sprintf("%v  %.1f%%", a.Prediction, 100*a.Probability)
	}
	return fmt.Sprintf("%v  %.1f%%  (then %s)", a.Prediction, 100*a.Probability, strings.Join(next, ", "))
}

func predictTable(ctx context.Context, cmd *cobra.Command, m model.Predictor, in, out string, top int) error {
	options, err := declaredTypes(in, m.Signature())
	if err != nil {
		return err
	}
	r, err := table.OpenFile(in, options)
	if err != nil {
		return err
	}
	defer r.Close()
	if out == "" {
		var w table.Writer
		_, err := model.PredictTable(ctx, m, r, model.Output{Top: top}, func(s *arrow.Schema) (_ table.Writer, err error) {
			w, err = table.NewJSONLWriter(cmd.OutOrStdout(), s)
			return w, err
		}, nil)
		if err != nil {
			return named(in, err)
		}
		return w.Close()
	}
	var f *table.File
	lists := 0
	rows, err := model.PredictTable(ctx, m, r, model.Output{Top: top}, func(s *arrow.Schema) (_ table.Writer, err error) {
		flat := flatColumns(out, s)
		lists = s.NumFields() - flat.NumFields()
		f, err = table.Create(out, flat)
		return fileWriter{f, flat}, err
	}, nil)
	if f != nil {
		defer f.Discard()
	}
	if err != nil {
		return named(in, err)
	}
	if err := f.Commit(); err != nil {
		return err
	}
	note := ""
	if f != nil && lists > 0 {
		note = " (without the columns that are lists, which this format cannot hold)"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d rows%s\n", out, rows, note)
	return err
}

// named says which file an error is about, if it does not.
func named(file string, err error) error {
	if strings.HasPrefix(err.Error(), file+":") {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// fileWriter writes the columns that the file's format can hold, and leaves the
// end of the file to whoever created it.
type fileWriter struct {
	file   *table.File
	schema *arrow.Schema
}

func (w fileWriter) Write(b arrow.RecordBatch) error {
	columns := make([]arrow.Array, w.schema.NumFields())
	for i, f := range w.schema.Fields() {
		columns[i] = b.Column(b.Schema().FieldIndices(f.Name)[0])
	}
	flat := array.NewRecordBatch(w.schema, columns, b.NumRows())
	defer flat.Release()
	return w.file.Write(flat)
}

func (fileWriter) Close() error { return nil }

// flatColumns leaves lists, such as the probabilities of all classes, out of
// formats that have no lists.
func flatColumns(path string, s *arrow.Schema) *arrow.Schema {
	format, err := table.FormatOf(path)
	if err != nil || format != table.CSV && format != table.TSV {
		return s // table.Create reports what is wrong with the name
	}
	var fields []arrow.Field
	for _, f := range s.Fields() {
		if _, nested := f.Type.(arrow.NestedType); !nested {
			fields = append(fields, f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// declaredTypes has a file of text read with the types that the model knows its
// columns by: a column of numbers may look whole in a few rows.
func declaredTypes(in string, s dag.Signature) (table.Options, error) {
	found, err := table.Sniff(in, table.Options{})
	if err != nil {
		return table.Options{}, err
	}
	var fields []arrow.Field
	for _, c := range s.Inputs {
		if t, err := table.ParseType(c.Type); err == nil && found.HasField(c.Name) {
			if f, _ := found.FieldsByName(c.Name); model.ReadsLists(s.Task) && f[0].Type.ID() == arrow.LIST {
				t = arrow.ListOf(t)
			}
			fields = append(fields, arrow.Field{Name: c.Name, Type: t, Nullable: true})
		}
	}
	return table.Options{Schema: arrow.NewSchema(fields, nil)}, nil
}
