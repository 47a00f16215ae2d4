package main

import (
	"context"
	"encoding/json"
	"fmt"
	page "html/template"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"pipe/dag"
	"pipe/registry"
	"pipe/stages/model"
	"pipe/stages/monitor"
	"pipe/workspace"
)

func (a *app) modelsCardCommand() *cobra.Command {
	var asHTML bool
	c := &cobra.Command{
		Use:   "card MODEL",
		Short: "Print a model card: what a version is, is good for, and was made of",
		Long: `Card prints what the registry knows of a version, named as NAME@ALIAS, NAME/VERSION or
NAME (the newest), as Markdown or HTML: what it takes and gives, how it was trained,
how good it is, and from which data and code it came.`,
		Example: `  pipe models card textclass@champion > MODEL_CARD.md`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open(cmd)
			if err != nil {
				return err
			}
			defer w.Close()
			c, err := readCard(cmd.Context(), w, args[0])
			if err != nil {
				return err
			}
			if asHTML {
				return page.Must(page.New("card").Parse(cardPage)).Execute(cmd.OutOrStdout(), c)
			}
			return c.markdown(cmd.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asHTML, "html", false, "print a page")
	return c
}

// card is what a model card tells.
type card struct {
	Title, About string
	Sections     []cardSection
}

// cardSection is a table with a head.
type cardSection struct {
	Name string
	Head []string
	Rows [][]string
}

func readCard(ctx context.Context, w *workspace.Workspace, name string) (*card, error) {
	v, err := w.Version(ctx, name)
	if err != nil {
		return nil, err
	}
	m, err := w.Registry.Model(ctx, v.Model)
	if err != nil {
		return nil, err
	}
	line, err := w.Registry.VersionLineage(ctx, v.Model, v.Version)
	if err != nil {
		return nil, err
	}
	c := &card{Title: fmt.Sprintf("%s, version %d", v.Model, v.Version), About: strings.TrimSpace(m.Description + "\n\n" + v.Description)}
	facts := [][]string{{"aliases", strings.Join(v.Aliases, ", ")}, {"registered", when(v.Created)}, {"by", v.User}, {"run", v.RunID}, {"digest (SHA-256)", string(v.Ref.Digest)}}
	if folder, err := w.Store.OpenFolder(v.Ref); err == nil {
		if manifest, err := model.ReadManifest(folder); err == nil {
			facts = append(facts, trainingFacts(manifest)...)
		}
	}
	c.add("Facts", []string{"", ""}, facts)
	var sig dag.Signature
	if json.Unmarshal(v.Signature, &sig) == nil {
		c.add("Takes", []string{"column", "type", "what it is"}, cardColumns(sig.Inputs))
		c.add("Gives", []string{"column", "type", "what it is"}, cardColumns(sig.Outputs))
	}
	var metrics [][]string
	for _, x := range v.Metrics {
		metrics = append(metrics, []string{x.Key, fmt.Sprintf("%.6g", x.Value)})
	}
	c.add("How good it is", []string{"metric", "value"}, metrics)
	profile, digest, err := trainingProfile(w, v)
	if err != nil {
		return nil, err
	}
	if profile != nil {
		c.add(profileTitle(profile), []string{"", "", monitor.FileName + ", SHA-256 " + string(digest)}, profileRows(profile))
	}
	c.add("Made of", []string{"file", "bytes", "SHA-256"}, sources(line.Lineage))
	var work [][]string
	for _, x := range line.Lineage.Work {
		work = append(work, []string{x.Stage.Name, x.Stage.Kind, short(x.Run)})
	}
	c.add("Made by", []string{"stage", "kind", "run"}, work)
	return c, c.history(ctx, w, v)
}

func trainingFacts(m *model.Manifest) [][]string {
	facts := [][]string{{"task", m.Task}, {"predicts", m.Target.Name}, {"rows it learnt from", fmt.Sprint(m.Training.Rows)}}
	if m.Training.ValidationRows > 0 {
		facts = append(facts, []string{"rows it was validated on", fmt.Sprint(m.Training.ValidationRows)})
	}
	if len(m.Classes) > 0 {
		shown := m.Classes[:min(len(m.Classes), 40)]
		text := strings.Join(shown, ", ")
		if len(shown) < len(m.Classes) {
			text += fmt.Sprintf(" and %d more", len(m.Classes)-len(shown))
		}
		facts = append(facts, []string{"classes", text})
	}
	return facts
}

func cardColumns(list []dag.Column) (rows [][]string) {
	for _, c := range list {
		rows = append(rows, []string{c.Name, c.Type, c.Doc})
	}
	return rows
}

func sources(l registry.Lineage) (rows [][]string) {
	for _, s := range l.Sources {
		rows = append(rows, []string{s.Path, fmt.Sprint(s.Size), string(s.Digest)})
	}
	return rows
}

// history adds which aliases the version got and lost, and why.
func (c *card) history(ctx context.Context, w *workspace.Workspace, v registry.ModelVersion) error {
	const lookBack = 1000
	list, err := w.Registry.AuditLog(ctx, "", lookBack)
	if err != nil {
		return err
	}
	number := fmt.Sprint(v.Version)
	var rows [][]string
	for i := len(list) - 1; i >= 0; i-- {
		e := list[i]
		if strings.HasPrefix(e.Subject, v.Model+"@") && (e.Before == number || e.After == number) {
			rows = append(rows, []string{when(e.Time), e.Who, e.Subject + ": " + none(e.Before) + " → " + none(e.After), e.Why})
		}
	}
	c.add("What happened to it", []string{"when", "who", "what", "why"}, rows)
	return nil
}

// add leaves out what is not known.
func (c *card) add(name string, head []string, rows [][]string) {
	known := rows[:0:0]
	for _, r := range rows {
		if len(r) != 2 || r[1] != "" {
			known = append(known, r)
		}
	}
	if len(known) > 0 {
		c.Sections = append(c.Sections, cardSection{name, head, known})
	}
}

// markdown writes GitHub's tables; a cell cannot break out of its row.
func (c *card) markdown(w io.Writer) error {
	cell := strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;")
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", cell.Replace(c.Title))
	if c.About != "" {
		fmt.Fprintf(&b, "\n%s\n", c.About)
	}
	for _, s := range c.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Name)
		line := func(cells []string) {
			for _, x := range cells {
				b.WriteString("| " + cell.Replace(x) + " ")
			}
			b.WriteString("|\n")
		}
		line(s.Head)
		b.WriteString(strings.Repeat("|---", len(s.Head)) + "|\n")
		for _, r := range s.Rows {
			line(r)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const cardPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem 1rem .25rem 0;border-bottom:1px solid #d5dce3;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#12181f;color:#dfe6ee}td,th{border-color:#33404d}}
</style>
<h1>{{.Title}}</h1>
{{with .About}}<p style="white-space:pre-line">{{.}}</p>{{end}}
{{range .Sections}}<h2>{{.Name}}</h2>
<table><thead><tr>{{range .Head}}<th>{{.}}</th>{{end}}</tr></thead><tbody>{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>{{end}}</tbody></table>
{{end}}</html>
`
