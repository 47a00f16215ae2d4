package ui

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pipe/dag/text"
	"pipe/registry"
	"pipe/server/auth"
	"pipe/server/inference"
)

func (s *Server) deploymentRoutes() {
	s.get("/deployments", s.deploymentsPage)
	s.get("/deployments/{name}", s.deploymentPage)
	s.handle("POST /deployments/{name}/try", s.tryModel)
	s.post("/deployments/{name}/edit", s.editDeployment)
	s.post("/deployments", s.deploy)
}

func deploymentURL(name string) string { return "/deployments/" + url.PathEscape(name) }

// deploymentRow is a deployment with the version that it means now.
type deploymentRow struct {
	registry.Deployment
	URL     string
	Version *registry.ModelVersion // nil: the alias points nowhere
	Ago     string
	Alias   string // "" where a version is named
}

func (s *Server) deploymentRow(r *http.Request, d registry.Deployment) (deploymentRow, error) {
	row := deploymentRow{Deployment: d, URL: deploymentURL(d.Name), Ago: ago(d.Updated, s.opt.Now())}
	row.Alias, _ = strings.CutPrefix(d.Target, "@")
	if strings.HasPrefix(d.Target, "/") {
		row.Alias = ""
	}
	v, err := s.w.Registry.ResolveModel(r.Context(), d.Model+d.Target)
	if err == nil {
		row.Version = &v
	} else if statusOf(err) != http.StatusNotFound {
		return row, err
	}
	return row, nil
}

func (s *Server) deploymentsPage(w http.ResponseWriter, r *http.Request) error {
	list, err := s.w.Registry.Deployments(r.Context())
	if err != nil {
		return err
	}
	models, err := s.w.Registry.Models(r.Context())
	if err != nil {
		return err
	}
	var rows []deploymentRow
	for _, d := range list {
		row, err := s.deploymentRow(r, d)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	s.render(w, r, http.StatusOK, "deployments", &frame{Title: "Deployments", Room: "deployments"}, struct {
		Rows   []deploymentRow
		Models []registry.RegisteredModel
	}{rows, models})
	return nil
}

// tried is the answer to a form that tries a model.
type tried struct {
	Given  map[string]string
	Files  []triedFile
	Status int
	Answer string // JSON, or the sentence of an error
	Logged string // the request, where the log has it
	Bars   []scored
	Took   string
	Output string
}

// scored is a class with its probability, for a bar.
type scored struct {
	Name  string
	Share float64
}

// deploymentData is the page of a deployment.
type deploymentData struct {
	deploymentRow
	Inputs   []signatureColumn
	CanTry   bool
	Tried    *tried
	Versions []versionRow
	Keys     []string
	Audit    []registry.AuditEntry
	Policy   string
	Curl     string
	Before   bool // there is a version to go back to
	Keeps    bool // requests are logged
	Drift    []driftView
	Status   inference.Status
}

func (s *Server) deploymentOf(r *http.Request) (*deploymentData, error) {
	ctx := r.Context()
	found, err := s.w.Registry.Deployment(ctx, r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	row, err := s.deploymentRow(r, found)
	if err != nil {
		return nil, err
	}
	d := &deploymentData{deploymentRow: row, CanTry: s.opt.Models != nil && row.Version != nil}
	if s.opt.Models != nil {
		d.Status, _ = s.opt.Models.Status(found.Name)
		d.Drift = s.driftOf(found.Name, driftShown)
	}
	d.Keeps = keepsLog(found.Policy)
	var policy bytes.Buffer
	if string(found.Policy) != "{}" && json.Indent(&policy, found.Policy, "", "  ") == nil {
		d.Policy = policy.String()
	}
	if row.Version != nil {
		var sig signature
		if json.Unmarshal(row.Version.Signature, &sig) == nil {
			d.Inputs = sig.Inputs
		}
		d.Curl = curlOf(r, found.Name, d.Inputs)
	}
	versions, err := s.w.Registry.ModelVersions(ctx, found.Model)
	if err != nil {
		return nil, err
	}
	d.Keys = metricKeys(versions)
	d.Keys = d.Keys[:min(3, len(d.Keys))]
	now := row.Version
	for _, v := range slices.Backward(versions) {
		vr := versionRow{ModelVersion: v, URL: versionURL(v.Model, v.Version), Ago: ago(v.Created, s.opt.Now())}
		for _, k := range d.Keys {
			vr.Cells = append(vr.Cells, against(&v, now, k))
		}
		if len(d.Versions) < verdicts {
			vr.Verdict = s.verdict(r.Context(), &v)
		}
		d.Versions = append(d.Versions, vr)
	}
	const most = 30
	subjects := []string{"deployment " + found.Name}
	if row.Alias != "" {
		subjects = append(subjects, found.Model+"@"+row.Alias)
	}
	for _, subject := range subjects {
		list, err := s.w.Registry.AuditLog(ctx, subject, most)
		if err != nil {
			return nil, err
		}
		d.Audit = append(d.Audit, list...)
		d.Before = d.Before || strings.Contains(subject, "@") && len(list) > 1
	}
	slices.SortStableFunc(d.Audit, func(a, b registry.AuditEntry) int { return b.Time.Compare(a.Time) })
	return d, nil
}

// keepsLog tells whether a policy has requests logged.
func keepsLog(p json.RawMessage) bool {
	var log struct{ Log *struct{} }
	return json.Unmarshal(p, &log) == nil && log.Log != nil
}

// verdicts is of how many of the newest versions the page tells what the gate
// said.
const verdicts = 20

// verdict is what the gate of the pipeline said when it registered a version: the
// last line that the stage logged, "" where that is not known.
func (s *Server) verdict(ctx context.Context, v *registry.ModelVersion) string {
	if v.RunID == "" {
		return ""
	}
	stages, err := s.w.Registry.Stages(ctx, v.RunID)
	if err != nil {
		return "" // the run was reported by another tool, or removed
	}
	said := ""
	for _, st := range stages {
		if st.Kind != "register" {
			continue
		}
		_, _ = s.journalLog(v.RunID, st.Name, func(l logLine) { // a damaged journal says what it can
			if strings.Contains(l.Text, "condition") {
				said = l.Text
			}
		})
	}
	return said
}

// curlOf is how a program asks the same.
func curlOf(r *http.Request, name string, inputs []signatureColumn) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	address := scheme + "://" + r.Host + "/predict/" + url.PathEscape(name)
	if slices.ContainsFunc(inputs, signatureColumn.IsFile) {
		return curlOfFile(address, inputs)
	}
	row := map[string]any{}
	for _, c := range inputs {
		row[c.Name] = example(c.Type)
	}
	body, err := json.Marshal(row)
	if err != nil {
		return ""
	}
	return "curl " + text.ShellWord(address) + " -H 'Content-Type: application/json' -d " + text.ShellWord(string(body))
}

func example(typ string) any {
	switch {
	case strings.HasPrefix(typ, "int"), strings.HasPrefix(typ, "uint"):
		return 1
	case strings.HasPrefix(typ, "float"), strings.HasPrefix(typ, "double"), strings.HasPrefix(typ, "decimal"):
		return 0.5
	case typ == "bool":
		return true
	}
	return "…"
}

func (s *Server) deploymentPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.deploymentOf(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "deployment", &frame{Title: d.Name, Room: "deployments"}, d)
	return nil
}

// valueOf reads a field as the column's type. What cannot be read stays a text,
// for the model's own message names the column.
func valueOf(text, typ string) any {
	if text == "" && !strings.Contains(typ, "utf8") && typ != "string" {
		return nil
	}
	switch example(typ).(type) {
	case int, float64:
		if f, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
			return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
		}
	case bool:
		if b, err := strconv.ParseBool(strings.TrimSpace(text)); err == nil {
			return b
		}
	}
	return text
}

// read shows an answer: its label first, then the classes by probability.
func (t *tried) read(body []byte) {
	var pretty bytes.Buffer
	t.Answer = string(body)
	if json.Indent(&pretty, body, "", "  ") == nil {
		t.Answer = pretty.String()
	}
	var a struct {
		Prediction    any            `json:"prediction"`
		Probabilities map[string]any `json:"probabilities"`
		Error         any            `json:"error"`
	}
	if json.Unmarshal(body, &a) != nil {
		return
	}
	switch p := a.Prediction.(type) {
	case string:
		t.Output = p
	case float64:
		t.Output = number(p)
	}
	for _, name := range sortedKeys(a.Probabilities) {
		if p, ok := a.Probabilities[name].(float64); ok {
			t.Bars = append(t.Bars, scored{name, p})
		}
	}
	slices.SortStableFunc(t.Bars, func(a, b scored) int {
		switch {
		case a.Share > b.Share:
			return -1
		case a.Share < b.Share:
			return 1
		}
		return 0
	})
	t.Bars = t.Bars[:min(8, len(t.Bars))]
}

type readCloser struct{ *bytes.Reader }

// Close implements io.Closer.
func (readCloser) Close() error { return nil }

// captured is an http.ResponseWriter that keeps the answer.
type captured struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header, WriteHeader and Write implement http.ResponseWriter.
func (c *captured) Header() http.Header         { return c.header }
func (c *captured) WriteHeader(status int)      { c.status = status }
func (c *captured) Write(b []byte) (int, error) { return c.body.Write(b) }

// deploy begins a deployment, or replaces one of the same name.
func (s *Server) deploy(w http.ResponseWriter, r *http.Request) error {
	f := r.PostForm
	d := registry.Deployment{Name: strings.TrimSpace(f.Get("name")), Model: f.Get("model"), Target: strings.TrimSpace(f.Get("target"))}
	if d.Name == "" {
		d.Name = d.Model
	}
	if d.Target != "" && !strings.ContainsAny(d.Target[:1], "@/") {
		d.Target = "@" + d.Target
	}
	if err := mayChangeModel(r, d.Model); err != nil {
		return err
	}
	if _, err := s.w.Registry.SetDeployment(r.Context(), d, s.audit(r, f.Get("why"))); err != nil {
		return err
	}
	return back(w, r, "/deployments/"+url.PathEscape(d.Name))
}

// editDeployment promotes, rolls back and ends.
func (s *Server) editDeployment(w http.ResponseWriter, r *http.Request) error {
	ctx, f := r.Context(), r.PostForm
	d, err := s.w.Registry.Deployment(ctx, r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := mayChangeModel(r, d.Model); err != nil {
		return err
	}
	to := deploymentURL(d.Name)
	alias, follows := strings.CutPrefix(d.Target, "@")
	switch f.Get("do") {
	case "promote":
		n, cerr := strconv.Atoi(f.Get("version"))
		switch {
		case cerr != nil:
			err = &problem{http.StatusBadRequest, "A version of a model is a number."}
		case follows:
			err = s.w.Registry.SetAlias(ctx, d.Model, alias, n, s.audit(r, f.Get("why")))
		default:
			d.Target = "/" + strconv.Itoa(n)
			_, err = s.w.Registry.SetDeployment(ctx, d, s.audit(r, f.Get("why")))
		}
	case "rollback":
		if !follows {
			return &problem{http.StatusBadRequest, "This deployment names a version: promote the one that is to answer."}
		}
		_, _, err = s.w.Registry.Rollback(ctx, d.Model, alias, s.audit(r, f.Get("why")))
	case "end":
		err, to = s.w.Registry.DeleteDeployment(ctx, d.Name, s.audit(r, f.Get("why"))), "/deployments"
	default:
		err = &problem{http.StatusBadRequest, "There is no such action."}
	}
	if err != nil {
		return err
	}
	return back(w, r, to)
}

func mayChangeModel(r *http.Request, model string) error {
	if p := auth.From(r.Context()); !p.May(auth.Write, auth.Model(model)) {
		return &problem{http.StatusForbidden, p.Name + " may not change this model: it takes the level write."}
	}
	return nil
}
