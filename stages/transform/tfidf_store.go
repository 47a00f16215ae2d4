package transform

import (
	"encoding/json"
	"fmt"
	"io/fs"

	"pipe/stages/nn"
)

// featuresName is the file of the n-grams of a TFIDF.
const featuresName = "features.json"

// featuresFile is features.json: in how many texts each n-gram was, in the order
// of their numbers.
type featuresFile struct {
	Documents int64     `json:"documents"`
	Features  []feature `json:"features"`
}

// save implements Transform.
func (v *TFIDF) save(w Files) (any, error) {
	return v.config, nn.WriteJSON(w.Create, featuresName, featuresFile{v.documents, v.features})
}

func loadTFIDF(fsys fs.FS, config json.RawMessage) (Transform, error) {
	var c Weights
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", manifestName, err)
	}
	if c.Features < 1 {
		return nil, fmt.Errorf("%s: features must be at least 1, is %d", manifestName, c.Features)
	}
	b, err := fs.ReadFile(fsys, featuresName)
	if err != nil {
		return nil, err
	}
	var f featuresFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s: %w", featuresName, err)
	}
	v, err := newTFIDF(c, f.Documents, f.Features)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", featuresName, err)
	}
	return v, nil
}
