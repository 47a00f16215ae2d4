package dag

import (
	"bytes"
	"os"
)

// IsPipeline tells whether a file looks like a pipeline: it has a line that
// begins with "pipeline:".
func IsPipeline(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && (bytes.HasPrefix(b, []byte("pipeline:")) || bytes.Contains(b, []byte("\npipeline:")))
}
