package ui

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"go.yaml.in/yaml/v3"

	"pipe/artifacts"
	"pipe/dag/text"
	"pipe/registry"
)

// portRow is an input or output of a stage.
type portRow struct {
	Port string
	Ref  artifacts.Ref
	Gone bool // the store has it no more
}

// stagePage shows what one stage of a run read, made, measured and said.
func (s *Server) stagePage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "overview")
	if err != nil {
		return err
	}
	name := r.PathValue("stage")
	st := registry.Stage{Name: name, State: "waiting"}
	known := false
	for _, x := range d.Stages {
		if x.Name == name {
			st, known = x, true
		}
	}
	g := s.shapeOf(r.Context(), d)
	for i, n := range g.names {
		if n == name {
			known = true
			if st.Kind == "" {
				st.Kind = g.kinds[i]
			}
		}
	}
	if !known {
		return &problem{http.StatusNotFound, "Run " + short(d.ID) + " has no stage of this name."}
	}
	view, err := s.dagOf(r.Context(), d, name)
	if err != nil {
		return err
	}
	log, err := s.lastLines(d.ID, name)
	problem := ""
	if err != nil {
		problem = sentence(err)
	}
	p := struct {
		*runData
		Stage    registry.Stage
		Took     string
		DAG      *dagView
		In, Out  []portRow
		Measured []registry.Metric
		Config   string
		Env      []registry.Pair
		Seed     string
		Command  string
		tail
		Problem string
	}{runData: d, Stage: st, DAG: view, In: s.ports(st.Inputs), Out: s.ports(st.Outputs), tail: log, Problem: problem}
	switch {
	case !st.Finished.IsZero() && !st.Started.IsZero():
		p.Took = duration(st.Finished.Sub(st.Started))
	case st.State == registry.StageRunning:
		p.Took = duration(d.Now.Sub(st.Started))
	}
	for _, m := range d.Metrics {
		if strings.HasPrefix(m.Key, name+".") {
			p.Measured = append(p.Measured, m)
		}
	}
	s.describe(st, &p.Config, &p.Env, &p.Seed, &p.Command)
	f := s.frameOf(d)
	f.after(log.Events)
	s.render(w, r, http.StatusOK, "stage", f, p)
	return nil
}

func (s *Server) ports(refs map[string]artifacts.Ref) []portRow {
	var rows []portRow
	for _, port := range sortedKeys(refs) {
		rows = append(rows, portRow{port, refs[port], !s.w.Store.Has(refs[port])})
	}
	return rows
}

// describe reads what the stage's key was made of: its configuration, and the
// environment that it names.
func (s *Server) describe(st registry.Stage, config *string, env *[]registry.Pair, seed, command *string) {
	if st.Key == "" {
		return
	}
	rec, ok := s.w.Store.Lookup(st.Key)
	if !ok {
		return
	}
	var about struct {
		Config    json.RawMessage   `json:"config"`
		Seed      json.Number       `json:"seed"`
		Variables map[string]string `json:"variables"`
	}
	if err := json.Unmarshal(rec.Description, &about); err != nil {
		return // an older description; the page has the rest
	}
	*env, *seed = registry.Pairs(about.Variables), about.Seed.String()
	var tree any
	if json.Unmarshal(about.Config, &tree) != nil {
		return
	}
	if m, ok := tree.(map[string]any); ok {
		if c, ok := m["run"].(string); ok {
			*command = c
		} else if c, ok := m["run"].([]any); ok {
			var words []string
			for _, x := range c {
				if w, ok := x.(string); ok {
					words = append(words, text.ShellWord(w))
				}
			}
			*command = strings.Join(words, " ")
		}
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if e.Encode(tree) == nil && strings.TrimSpace(out.String()) != "{}" {
		*config = out.String()
	}
}
