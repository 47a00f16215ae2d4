package ui

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"pipe/artifacts"
	"pipe/registry"
)

func (s *Server) artifactRoutes() {
	s.get("/artifacts/{digest}", s.artifactPage)
	s.get("/artifacts/{digest}/stats", s.artifactStats)
	s.get("/artifacts/{digest}/raw", s.artifactRaw)
	s.get("/artifacts/{digest}/raw/{path...}", s.artifactRaw)
}

// artifactData is what the page of a digest shows.
type artifactData struct {
	Ref      artifacts.Ref
	External bool // it is a file outside the store that stages read
	Paths    []string
	Path     string // of the file of a folder that is looked at
	Files    []artifacts.FolderFile
	Size     int64
	Makers   []maker
	Readers  []registry.Edge
	Versions []registry.VersionName
	Upstream *dagView
	Sources  []registry.External
	Preview  *preview
	Problem  string
	Name     string
}

// maker is the work that made an artifact.
type maker struct {
	registry.Work
	Port string
}

func (s *Server) artifactPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d := &artifactData{Path: r.URL.Query().Get("file")}
	ref, err := s.artifactRef(ctx, r.PathValue("digest"))
	if errors.Is(err, registry.ErrNotFound) {
		return s.externalPage(w, r, err)
	}
	if err != nil {
		return err
	}
	if r.PathValue("digest") != string(ref.Digest) {
		http.Redirect(w, r, "/artifacts/"+string(ref.Digest), http.StatusFound)
		return nil
	}
	d.Ref, d.Size = ref, ref.Size
	if err := s.lineageOf(ctx, d); err != nil {
		return err
	}
	d.Name = ref.Digest.Short()
	if len(d.Makers) > 0 {
		d.Name = d.Makers[0].Stage.Name + "." + d.Makers[0].Port
	}
	if err := s.contents(r, d); err != nil {
		d.Problem = sentence(err)
	}
	s.render(w, r, http.StatusOK, "artifact", &frame{Title: d.Name, Room: "runs"}, d)
	return nil
}

func (s *Server) artifactRef(ctx context.Context, digest string) (artifacts.Ref, error) {
	return s.w.Registry.FindArtifact(ctx, digest)
}

// externalPage is the page of a file outside the store: nobody here made it, and
// its bytes are not kept, but who read it is known.
func (s *Server) externalPage(w http.ResponseWriter, r *http.Request, missing error) error {
	const most = 50
	digest := artifacts.Digest(r.PathValue("digest"))
	reads, err := s.w.Registry.FileReads(r.Context(), digest, most)
	if err != nil {
		return err
	}
	if len(reads) == 0 {
		return missing
	}
	dep, err := s.w.Registry.Dependents(r.Context(), digest)
	if err != nil {
		return err
	}
	d := &artifactData{External: true, Name: path.Base(reads[0].Path), Size: reads[0].Size, Versions: dep.Versions}
	d.Ref.Digest = digest
	for _, x := range reads {
		if !slices.Contains(d.Paths, x.Path) {
			d.Paths = append(d.Paths, x.Path)
		}
		d.Readers = append(d.Readers, registry.Edge{Port: path.Base(x.Path), Run: x.Run, Stage: x.Stage, Kind: x.Kind, State: x.State})
	}
	s.render(w, r, http.StatusOK, "artifact", &frame{Title: d.Name, Room: "runs"}, d)
	return nil
}

// lineageOf finds who made an artifact, from what, and who uses it.
func (s *Server) lineageOf(ctx context.Context, d *artifactData) error {
	l, err := s.w.Registry.Lineage(ctx, d.Ref.Digest)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	for _, work := range l.Work {
		for _, port := range sortedKeys(work.Stage.Outputs) {
			if work.Stage.Outputs[port].Digest == d.Ref.Digest {
				d.Makers = append(d.Makers, maker{work, port})
			}
		}
	}
	d.Sources = oncePerPath(l.Sources)
	if len(l.Work) > 0 {
		d.Upstream = s.lineageView("what "+d.Ref.Digest.Short()+" was made from", &l, d.Ref.Digest, nil)
	}
	dep, err := s.w.Registry.Dependents(ctx, d.Ref.Digest)
	if err != nil {
		return err
	}
	d.Readers, d.Versions = dep.Readers, dep.Versions
	return nil
}

// oncePerPath leaves out what several stages read: one file is one line.
func oncePerPath(list []registry.External) []registry.External {
	seen := map[registry.External]bool{}
	return slices.DeleteFunc(slices.Clone(list), func(x registry.External) bool {
		was := seen[x]
		seen[x] = true
		return was
	})
}

// manySources is how many files a drawing shows each by itself.
const manySources = 12

// lineageView draws a lineage: the files that it begins with, the steps, and behind
// what is in focus a chain of what came of it.
func (s *Server) lineageView(title string, l *registry.Lineage, focus artifacts.Digest, chain []dagNode) *dagView {
	var nodes []dagNode
	var edges []dagEdge
	made := map[artifacts.Digest]int{}
	many := len(l.Sources) > manySources
	if many {
		var size int64
		for _, x := range l.Sources {
			made[x.Digest] = 0
			size += x.Size
		}
		nodes = append(nodes, dagNode{Name: count(len(l.Sources)) + " files", Note: byteSize(size)})
	}
	for _, x := range l.Sources {
		if _, ok := made[x.Digest]; ok {
			continue
		}
		made[x.Digest] = len(nodes)
		nodes = append(nodes, dagNode{Name: path.Base(x.Path), Note: "file · " + byteSize(x.Size), Href: "/artifacts/" + string(x.Digest)})
	}
	for _, work := range l.Work {
		i := len(nodes)
		n := dagNode{Name: work.Stage.Name, Note: work.Stage.Kind + " · run " + short(work.Run), Href: "/runs/" + work.Run + "/stages/" + url.PathEscape(work.Stage.Name)}
		for _, port := range sortedKeys(work.Stage.Outputs) {
			digest := work.Stage.Outputs[port].Digest
			if _, ok := made[digest]; !ok {
				made[digest] = i
			}
			n.Focus = n.Focus || digest == focus
		}
		nodes = append(nodes, n)
	}
	for i, work := range l.Work {
		to := len(nodes) - len(l.Work) + i
		seen := map[int]bool{}
		connect := func(digest artifacts.Digest, note string) {
			if from, ok := made[digest]; ok && from != to && !seen[from] {
				seen[from] = true
				edges = append(edges, dagEdge{from, to, note})
			}
		}
		for _, port := range sortedKeys(work.Stage.Inputs) {
			connect(work.Stage.Inputs[port].Digest, port+": "+aboutRef(work.Stage.Inputs[port]))
		}
		for _, x := range work.Stage.Externals {
			connect(x.Digest, x.Path)
		}
	}
	if from, ok := made[focus]; ok {
		for _, n := range chain {
			edges = append(edges, dagEdge{From: from, To: len(nodes), Note: n.Note})
			from = len(nodes)
			nodes = append(nodes, n)
		}
	}
	const most = 400
	if len(nodes) > most {
		return nil
	}
	return draw(title, nodes, edges)
}

// runArtifacts lists what a run made: outputs of its stages, and the files that
// an MLflow client has uploaded.
func (s *Server) runArtifacts(w http.ResponseWriter, r *http.Request) error {
	d, err := s.runOf(r, "artifacts")
	if err != nil {
		return err
	}
	files, more, err := s.uploaded(d.ArtifactURI)
	if err != nil {
		return err
	}
	type output struct {
		Stage, Port string
		Ref         artifacts.Ref
	}
	var outputs []output
	for _, st := range d.Stages {
		for _, port := range sortedKeys(st.Outputs) {
			outputs = append(outputs, output{st.Name, port, st.Outputs[port]})
		}
	}
	s.render(w, r, http.StatusOK, "runartifacts", s.frameOf(d), struct {
		*runData
		Outputs  []output
		Uploaded []uploadedFile
		More     bool
	}{d, outputs, files, more})
	return nil
}

// uploadedFile is one that an MLflow client has put beside its run.
type uploadedFile struct {
	Path string
	Size int64
}

// listedFiles bounds how many files a page lists.
const listedFiles = 1000

// uploaded lists the files under an address of the artifact proxy.
func (s *Server) uploaded(uri string) (files []uploadedFile, more bool, err error) {
	base, ok := proxied(uri)
	if !ok || s.root() == nil {
		return nil, false, nil
	}
	fsys := s.root().FS()
	err = fs.WalkDir(fsys, base, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !e.Type().IsRegular() || strings.HasSuffix(name, ".part") {
			return nil // it has gone meanwhile, or is no file
		}
		if len(files) == listedFiles {
			more = true
			return fs.SkipAll
		}
		info, err := e.Info()
		if err == nil {
			files = append(files, uploadedFile{strings.TrimPrefix(strings.TrimPrefix(name, base), "/"), info.Size()})
		}
		return nil
	})
	slices.SortFunc(files, func(a, b uploadedFile) int { return cmp.Compare(a.Path, b.Path) })
	return files, more, err
}

// proxied is the place below the artifact folder that an address of MLflow's
// artifact proxy names. os.Root keeps what it leads to inside that folder.
func proxied(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		return "", false
	}
	p := strings.Trim(u.Path, "/")
	return p, fs.ValidPath(p) && p != "."
}
