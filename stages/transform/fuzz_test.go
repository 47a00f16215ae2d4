package transform

import (
	"testing"
	"testing/fstest"
)

// A folder of somebody else's either is refused or gives ids in range.
func FuzzLoad(f *testing.F) {
	for i := range readKeras(f).Cases {
		files := folder{}
		if err := Save(files, readKeras(f).fitted(f, i)); err != nil {
			f.Fatal(err)
		}
		f.Add(files["transform.json"].Data, files["tokenizer.json"].Data)
	}
	tabular := folder{}
	if err := Save(tabular, fittedTabular(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(tabular["transform.json"].Data, []byte(nil))
	f.Fuzz(func(t *testing.T, manifest, tokenizer []byte) {
		tr, err := Load(fstest.MapFS{"transform.json": {Data: manifest}, "tokenizer.json": {Data: tokenizer}})
		if err != nil {
			return
		}
		sig := tr.Signature()
		var in Input
		if err := tr.ApplyRow(&in, map[string]any{sig.Inputs[0].Name: "the cat, THE mat: unseen"}); err != nil {
			return
		}
		if sig.Tokens > 0 && len(in.IDs) != sig.Shape[0] {
			t.Errorf("%d ids for a shape of %v", len(in.IDs), sig.Shape)
		}
		for _, id := range in.IDs {
			if id < 0 || int(id) >= sig.Tokens {
				t.Errorf("id %d of %d", id, sig.Tokens)
			}
		}
	})
}
