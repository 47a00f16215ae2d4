package ui

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"pipe/registry"
)

func (s *Server) modelRoutes() {
	s.get("/models", s.modelsPage)
	s.get("/models/{model}", s.modelPage)
	s.get("/models/{model}/{version}", s.versionPage)
	s.post("/models/{model}/edit", s.editModel)
}

func modelURL(model string) string { return "/models/" + url.PathEscape(model) }

func versionURL(model string, version int) string {
	return modelURL(model) + "/" + strconv.Itoa(version)
}

func versionName(v registry.VersionName) string { return v.Model + "/" + strconv.Itoa(v.Version) }

// versionNode is a version at the end of a lineage.
func versionNode(v registry.VersionName) dagNode {
	return dagNode{Name: versionName(v), Note: "model version", State: "done", Href: versionURL(v.Model, v.Version)}
}

type modelRow struct {
	registry.RegisteredModel
	URL      string
	Versions int
	Newest   *registry.ModelVersion
	Champion *registry.ModelVersion
	Top      []registry.Metric
	Ago      string
}

func (s *Server) modelsPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	find := strings.TrimSpace(r.URL.Query().Get("q"))
	models, err := s.w.Registry.Models(ctx)
	if err != nil {
		return err
	}
	all := len(models)
	var rows []modelRow
	for _, m := range models {
		if find != "" && !strings.Contains(strings.ToLower(m.Name), strings.ToLower(find)) {
			continue
		}
		versions, err := s.w.Registry.ModelVersions(ctx, m.Name)
		if err != nil {
			return err
		}
		row := modelRow{RegisteredModel: m, URL: modelURL(m.Name), Versions: len(versions), Ago: ago(m.Updated, s.opt.Now())}
		if len(versions) > 0 {
			row.Newest = &versions[len(versions)-1]
			row.Top = headline(row.Newest.Metrics)
		}
		row.Champion = championOf(versions)
		rows = append(rows, row)
	}
	s.render(w, r, http.StatusOK, "models", &frame{Title: "Models", Room: "models"}, struct {
		Find string
		All  int
		Rows []modelRow
	}{find, all, rows})
	return nil
}

// headline is what a model is judged by first.
func headline(all []registry.Metric) []registry.Metric {
	list := slices.Clone(all)
	slices.SortStableFunc(list, func(a, b registry.Metric) int {
		return cmp.Or(cmp.Compare(telling(a.Key), telling(b.Key)), cmp.Compare(a.Key, b.Key))
	})
	return list[:min(3, len(list))]
}

// championAlias is the alias of the version that is in use, by convention.
const championAlias = "champion"

func championOf(versions []registry.ModelVersion) *registry.ModelVersion {
	for i := range versions {
		if slices.Contains(versions[i].Aliases, championAlias) {
			return &versions[i]
		}
	}
	return nil
}

type versionRow struct {
	registry.ModelVersion
	URL   string
	Ago   string
	Cells []versus
	// Verdict is what the gate said when the version was registered.
	Verdict string
}

// versus is a metric of a version beside the champion's.
type versus struct {
	Has      bool
	Value    float64
	Champion *float64
	Change   float64
	Best     bool
}

// versusColumns is how many metrics a table of versions compares.
const versusColumns = 8

// metricKeys are the most telling metrics of versions.
func metricKeys(versions []registry.ModelVersion) []string {
	uses := map[string]int{}
	for _, v := range versions {
		for _, x := range v.Metrics {
			uses[x.Key]++
		}
	}
	keys := sortedKeys(uses)
	ranked(keys, telling)
	return keys[:min(versusColumns, len(keys))]
}

func (s *Server) modelPage(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), r.PathValue("model")
	m, err := s.w.Registry.Model(ctx, name)
	if err != nil {
		return err
	}
	versions, err := s.w.Registry.ModelVersions(ctx, name)
	if err != nil {
		return err
	}
	audit, err := s.auditOf(r, m, versions)
	if err != nil {
		return err
	}
	keys := metricKeys(versions)
	champion := championOf(versions)
	rows := make([]versionRow, 0, len(versions))
	for _, v := range slices.Backward(versions) {
		row := versionRow{ModelVersion: v, URL: versionURL(name, v.Version), Ago: ago(v.Created, s.opt.Now())}
		for _, k := range keys {
			row.Cells = append(row.Cells, against(&v, champion, k))
		}
		rows = append(rows, row)
	}
	s.render(w, r, http.StatusOK, "model", &frame{Title: name, Room: "models"}, struct {
		registry.RegisteredModel
		URL      string
		Keys     []string
		Rows     []versionRow
		Champion *registry.ModelVersion
		Aliases  []aliasRow
		Audit    []registry.AuditEntry
	}{m, modelURL(name), keys, rows, champion, aliasRows(m), audit})
	return nil
}

type aliasRow struct {
	Alias   string
	Version int
	URL     string
}

func aliasRows(m registry.RegisteredModel) []aliasRow {
	var rows []aliasRow
	for _, a := range sortedKeys(m.Aliases) {
		rows = append(rows, aliasRow{a, m.Aliases[a], versionURL(m.Name, m.Aliases[a])})
	}
	return rows
}

func against(v, champion *registry.ModelVersion, key string) versus {
	value, ok := v.Metric(key)
	out := versus{Has: ok, Value: value}
	if champion != nil && champion.Version != v.Version && ok {
		if c, ok := champion.Metric(key); ok {
			out.Champion, out.Change = &c, value-c
		}
	}
	return out
}

// auditOf is what happened to a model's aliases and versions, newest first.
func (s *Server) auditOf(r *http.Request, m registry.RegisteredModel, versions []registry.ModelVersion) ([]registry.AuditEntry, error) {
	const most = 500
	all, err := s.w.Registry.AuditLog(r.Context(), "", most)
	if err != nil {
		return nil, err
	}
	mine := slices.DeleteFunc(all, func(e registry.AuditEntry) bool {
		rest, ok := strings.CutPrefix(e.Subject, m.Name)
		return !ok || rest != "" && rest[0] != '@' && rest[0] != '/'
	})
	return mine[:min(20, len(mine))], nil
}

// signature is what a model takes and gives.
type signature struct {
	Inputs  []signatureColumn `json:"inputs"`
	Outputs []signatureColumn `json:"outputs"`
}

type signatureColumn struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape any    `json:"shape"`
	Doc   string `json:"doc"`
}

func (s *Server) versionPage(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), r.PathValue("model")
	n, err := strconv.Atoi(r.PathValue("version"))
	if err != nil {
		return &problem{http.StatusNotFound, "A version of a model is a number."}
	}
	v, err := s.w.Registry.Version(ctx, name, n)
	if err != nil {
		return err
	}
	versions, err := s.w.Registry.ModelVersions(ctx, name)
	if err != nil {
		return err
	}
	champion := championOf(versions)
	d := struct {
		registry.ModelVersion
		URL, ModelURL string
		Ago           string
		Champion      *registry.ModelVersion
		Metrics       []struct {
			Key string
			versus
		}
		Signature signature
		SigText   string
		Lineage   *dagView
		Sources   []sourceRow
		Note      string
		Params    []registry.Pair
		CompareTo string
		Logs      []string // addresses of what it answered
	}{ModelVersion: v, URL: versionURL(name, n), ModelURL: modelURL(name), Ago: ago(v.Created, s.opt.Now()), Champion: champion}
	deployments, err := s.w.Registry.Deployments(ctx)
	if err != nil {
		return err
	}
	for _, x := range deployments {
		if x.Model == name && keepsLog(x.Policy) {
			d.Logs = append(d.Logs, deploymentURL(x.Name)+"/predictions?version="+strconv.Itoa(n))
		}
	}
	for _, m := range v.Metrics {
		d.Metrics = append(d.Metrics, struct {
			Key string
			versus
		}{m.Key, against(&v, champion, m.Key)})
	}
	if len(v.Signature) > 0 {
		if json.Unmarshal(v.Signature, &d.Signature) != nil || len(d.Signature.Inputs)+len(d.Signature.Outputs) == 0 {
			d.SigText = string(v.Signature)
		}
	}
	if champion != nil && champion.Version != n && champion.RunID != "" && v.RunID != "" {
		d.CompareTo = "/compare?run=" + champion.RunID + "&run=" + v.RunID
	}
	switch l, err := s.w.Registry.VersionLineage(ctx, name, n); {
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, registry.ErrInvalid):
		d.Note = "Where its parts came from is not known: it was registered by an address, or no recorded stage has made it."
	case err != nil:
		return err
	default:
		d.Lineage = s.lineageView("what "+name+"/"+strconv.Itoa(n)+" was made from", &l.Lineage, v.Ref.Digest, []dagNode{versionNode(registry.VersionName{Model: name, Version: n})})
		for _, work := range l.Lineage.Work {
			if work.Run == v.RunID {
				d.Params = work.Params
			}
		}
		if d.Sources, err = s.sources(r, oncePerPath(l.Lineage.Sources)); err != nil {
			return err
		}
	}
	s.render(w, r, http.StatusOK, "version", &frame{Title: name + "/" + strconv.Itoa(n), Room: "models"}, d)
	return nil
}

// sourceRow is a file that a model began with, and what else would change with
// it.
type sourceRow struct {
	registry.External
	Stages   int
	Versions []registry.VersionName
	Changed  string // how the file is now
	Same     bool   // it was compared
}

func (s *Server) sources(r *http.Request, list []registry.External) ([]sourceRow, error) {
	var rows []sourceRow
	for _, x := range list {
		dep, err := s.w.Registry.Dependents(r.Context(), x.Digest)
		if err != nil {
			return nil, err
		}
		reads, err := s.w.Registry.FileReads(r.Context(), x.Digest, 1000)
		if err != nil {
			return nil, err
		}
		row := sourceRow{External: x, Stages: len(reads), Versions: dep.Versions}
		// Of a folder, a stage may have read a part only: it cannot be told from here
		// whether that has changed.
		if info, err := os.Stat(x.Path); err != nil {
			row.Changed = "cannot be read here"
		} else if info.Mode().IsRegular() {
			row.Same = true
			if now, err := s.w.Store.Fingerprint(x.Path); err != nil {
				row.Changed = "cannot be read here"
			} else if now.Digest != x.Digest {
				row.Changed = "has changed since"
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// editModel changes what people say of a model and its versions.
func (s *Server) editModel(w http.ResponseWriter, r *http.Request) error {
	ctx, name, f := r.Context(), r.PathValue("model"), r.PostForm
	if err := mayChangeModel(r, name); err != nil {
		return err
	}
	version := func() (int, error) {
		n, err := strconv.Atoi(f.Get("version"))
		if err != nil {
			return 0, &problem{http.StatusBadRequest, "A version of a model is a number."}
		}
		return n, nil
	}
	var n int
	var err error
	switch f.Get("do") {
	case "alias":
		alias := strings.TrimSpace(f.Get("alias"))
		if n, err = version(); err == nil {
			err = s.w.Registry.SetAlias(ctx, name, alias, n, s.audit(r, f.Get("why")))
		}
	case "unalias":
		err = s.w.Registry.DeleteAlias(ctx, name, f.Get("alias"), s.audit(r, f.Get("why")))
	case "describe":
		err = s.w.Registry.DescribeModel(ctx, name, f.Get("description"))
	case "describe-version":
		if n, err = version(); err == nil {
			err = s.w.Registry.DescribeVersion(ctx, name, n, f.Get("description"))
		}
	case "tag-version":
		key, value, _ := strings.Cut(f.Get("tag"), "=")
		if n, err = version(); err == nil {
			err = s.w.Registry.SetVersionTags(ctx, name, n, []registry.Pair{{Key: strings.TrimSpace(key), Value: strings.TrimSpace(value)}})
		}
	default:
		err = &problem{http.StatusBadRequest, "There is no such action."}
	}
	if err != nil {
		return err
	}
	return back(w, r, modelURL(name))
}
