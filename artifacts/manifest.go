package artifacts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"
)

// FolderFile is one file of an artifact that consists of several.
type FolderFile struct {
	// Path is slash-separated, relative to the folder, and clean.
	Path   string `json:"path"`
	Digest Digest `json:"digest"`
	Size   int64  `json:"size"`
	// Mode is ModeExecutable for a program and empty for any other file.
	Mode string `json:"mode,omitempty"`
}

// ModeExecutable is the only mode that a manifest keeps.
const ModeExecutable = "0755"

// folderList is the content of a manifest, sorted by path. It is not changed
// once it is made.
type folderList []FolderFile

const manifestVersion = 1

// manifest is the stored form of a folder. It has one spelling only: equal
// folders have equal digests.
type manifest struct {
	Version int        `json:"version"`
	Type    Type       `json:"type"`
	Files   folderList `json:"files"`
}

// encodeManifest sorts the files and returns the manifest's bytes.
func encodeManifest(t Type, files folderList) ([]byte, error) {
	slices.SortFunc(files, func(a, b FolderFile) int { return strings.Compare(a.Path, b.Path) })
	if files == nil {
		files = folderList{}
	}
	m := manifest{Version: manifestVersion, Type: t, Files: files}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m.encode()
}

func (m *manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return b.Bytes(), nil
}

// parseManifest reads a manifest and refuses whatever encodeManifest would not
// have written.
func parseManifest(b []byte) (*manifest, error) {
	m := new(manifest)
	err := json.Unmarshal(b, m)
	if (err == nil || m.Version != 0) && m.Version != manifestVersion {
		return nil, fmt.Errorf("manifest: its version is %d and this pipe reads %d", m.Version, manifestVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if m.Files == nil {
		return nil, fmt.Errorf("manifest: there is no list of files")
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	again, err := m.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("manifest: it is not in the canonical form")
	}
	return m, nil
}

func (m *manifest) validate() error {
	if !m.Type.Valid() {
		return fmt.Errorf("manifest: artifact type %q is unknown", m.Type)
	}
	for i, f := range m.Files {
		if err := checkName(f.Path); err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
		if !f.Digest.Valid() {
			return fmt.Errorf("manifest: file %q has the invalid digest %q", f.Path, f.Digest)
		}
		if f.Size < 0 {
			return fmt.Errorf("manifest: file %q has the negative size %d", f.Path, f.Size)
		}
		if f.Mode != "" && f.Mode != ModeExecutable {
			return fmt.Errorf("manifest: file %q has the mode %q; only %q is kept", f.Path, f.Mode, ModeExecutable)
		}
		if i > 0 && m.Files[i-1].Path >= f.Path {
			return fmt.Errorf("manifest: file %q is listed twice or out of order", f.Path)
		}
	}
	return m.checkFolders()
}

// checkFolders refuses a name that is both a file and a folder. Sorting does
// not put "a" next to "a/b" ("a-b" comes between), so every parent is looked up.
func (m *manifest) checkFolders() error {
	for _, f := range m.Files {
		for i := strings.LastIndexByte(f.Path, '/'); i > 0; i = strings.LastIndexByte(f.Path[:i], '/') {
			if _, found := m.Files.find(f.Path[:i]); found {
				return fmt.Errorf("manifest: %q is a file and also the folder of %q", f.Path[:i], f.Path)
			}
		}
	}
	return nil
}

func (l folderList) find(path string) (int, bool) {
	return slices.BinarySearchFunc(l, path, func(f FolderFile, p string) int { return strings.Compare(f.Path, p) })
}

// maxNameLen is what Linux, macOS and Windows allow for one element of a path.
const maxNameLen = 255

// checkName accepts names that mean the same file, inside the folder, on every
// system.
func checkName(name string) error {
	bad := func(why string) error { return fmt.Errorf("file name %q: %s", name, why) }
	switch {
	case name == "":
		return bad("it is empty")
	case !utf8.ValidString(name):
		return bad("it is not UTF-8")
	case strings.HasPrefix(name, "/"):
		return bad("it is absolute; names are relative to the folder")
	case strings.ContainsRune(name, '\\'):
		return bad("it has a backslash; folders are separated by /")
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("it has a control character")
	case !fs.ValidPath(name) || name == ".":
		return bad(`it has an empty element, "." or ".."`)
	}
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > maxNameLen {
			return bad(fmt.Sprintf("an element is longer than %d bytes", maxNameLen))
		}
	}
	return nil
}
