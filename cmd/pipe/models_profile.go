package main

import (
	"fmt"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/stages/monitor"
	"pipe/workspace"
)

// trainingProfile is what a version saw and said while it was made: the profile that
// lies with the model, and the digest of its file. It is nil where there is none, as
// of models that other programs made, or whose files are not here.
func trainingProfile(w *workspace.Workspace, v registry.ModelVersion) (*monitor.Profile, artifacts.Digest, error) {
	folder, err := w.Store.OpenFolder(v.Ref)
	if err != nil {
		return nil, "", nil
	}
	p, err := monitor.Load(folder)
	if p == nil || err != nil {
		return nil, "", err
	}
	for _, f := range folder.List() {
		if f.Path == monitor.FileName {
			return p, f.Digest, nil
		}
	}
	return p, "", nil
}

// profileTitle heads the table of a profile.
func profileTitle(p *monitor.Profile) string {
	return fmt.Sprintf("Profile of the training (%d rows; tokens, files and answers: %d rows of %s)", p.Rows, p.Judged, p.JudgedPort)
}

// profileRows has a line for each feature.
func profileRows(p *monitor.Profile) (rows [][]string) {
	for _, f := range p.Features {
		rows = append(rows, []string{f.Name, string(f.Role), f.Describe()})
	}
	return rows
}
