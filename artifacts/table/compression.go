package table

import (
	"path/filepath"
	"strings"
)

// compression is a codec around a whole file.
type compression struct {
	name  string
	exts  []string
	magic string
}

// compressions are told apart by the first bytes of a file; the extension only
// strips the name on the way to the format.
var compressions = []compression{
	{name: "gzip", exts: []string{".gz", ".gzip"}, magic: "\x1f\x8b\x08"},
	{name: "zstd", exts: []string{".zst", ".zstd"}, magic: "\x28\xb5\x2f\xfd"},
	{name: "bzip2", exts: []string{".bz2"}, magic: "BZh"},
	{name: "lz4", exts: []string{".lz4"}, magic: "\x04\x22\x4d\x18"},
	{name: "xz", exts: []string{".xz"}, magic: "\xfd7zXZ\x00"},
}

func stripCompression(name string) (string, *compression) {
	ext := strings.ToLower(filepath.Ext(name))
	for i := range compressions {
		for _, e := range compressions[i].exts {
			if e == ext {
				return name[:len(name)-len(ext)], &compressions[i]
			}
		}
	}
	return name, nil
}

func compressionExtensions() []string {
	var all []string
	for _, c := range compressions {
		all = append(all, c.exts[0])
	}
	return all
}
