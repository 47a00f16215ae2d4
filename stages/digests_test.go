package stages

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

var update = flag.Bool("update", false, "write the goldens instead of comparing with them")

// The table stages give the bytes that they have always given. Where this fails
// because bytes had to change, raise the Version of the kind, or every store
// keeps answering with the old ones, and record the new digests by -update.
func TestDigestsStay(t *testing.T) {
	s := dagtest.Store(t)
	var csv strings.Builder
	csv.WriteString("text,label,n,price\n")
	for i := range 400 {
		fmt.Fprintf(&csv, "Words  of row %d – %s,label%d,%d,%d.5\n", i%390, strings.Repeat("ä ", i%5), i*i%7, i, i%50)
	}
	path := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(path, []byte(csv.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	run := func(kind dag.Kind, with string, in map[string]artifacts.Ref) map[string]artifacts.Ref {
		t.Helper()
		out := dagtest.Run(t, s, dagtest.New(t, kind, with), in)
		for _, port := range sortedNames(out) {
			fmt.Fprintf(&got, "%s %s %s\n", strings.TrimPrefix(fmt.Sprintf("%T", kind), "*stages."), port, out[port].Digest)
		}
		return out
	}
	in := func(ref artifacts.Ref) map[string]artifacts.Ref { return map[string]artifacts.Ref{"in": ref} }
	read := run(&SourceCSV{}, "path: "+path, nil)["out"]
	cleaned := run(&Clean{}, "{text: [nfc, lowercase, collapse_space], drop_null: [text], drop_duplicates: [text], where: n % 11 != 3}", in(read))["out"]
	parts := run(&Split{}, "{train: 0.8, validation: 0.1, test: 0.1, stratify: label}", in(cleaned))
	run(&Split{}, "{train: 0.5, test: 0.5, group: label, seed: 3}", in(cleaned))
	run(&TextVectorize{}, "{column: text, num_words: 50, maxlen: 6, oov_token: <OOV>}", in(parts["train"]))
	run(&Derive{}, "columns: {total: price * double(n), long: size(text) > 20}", in(cleaned))
	run(&Sample{}, "{rows: 40, stratify: label}", in(cleaned))
	run(&Join{}, "{on: {n: n}, how: outer}", map[string]artifacts.Ref{"left": parts["train"], "right": parts["test"]})
	run(&Profile{}, "", in(cleaned))
	const golden = "testdata/digests.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}
