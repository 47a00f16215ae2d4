package stages

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pipe/artifacts"
	"pipe/dag"
	"pipe/dag/dagtest"
)

// tokensChild holds the file of texts for the process whose memory is measured.
const tokensChild = "PIPE_TEST_TOKENS_MEMORY"

// Training a language model and a translator on more tokens than GOMEMLIMIT allows stays
// near the limit and gives the bits of a training that has all of them in memory.
func TestTrainingOnTokensIsBoundedInMemory(t *testing.T) {
	if path := os.Getenv(tokensChild); path != "" {
		trainOnTokens(t, path)
		return
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("skipped: the memory of a process is read from /proc: %v", err)
	}
	if raceDetector {
		t.Skip("skipped: the race detector needs memory of its own")
	}
	const size = 8 << 20
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields(rhyme)
	var text bytes.Buffer
	for text.Len() < size {
		text.WriteString(`{"word": "` + words[rng.IntN(len(words))] + `", "text": "`)
		for range 24 {
			text.WriteString(words[rng.IntN(len(words))] + " ")
		}
		text.WriteString("\"}\n")
	}
	path := filepath.Join(t.TempDir(), "texts.jsonl")
	if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	run := func(limits ...string) (digests []string, peak int64) {
		child := exec.Command(os.Args[0], "-test.run=^TestTrainingOnTokensIsBoundedInMemory$", "-test.v")
		child.Env = append(os.Environ(), append(limits, tokensChild+"="+path)...)
		var out bytes.Buffer
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		peak, err := watch(child)
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		for line := range strings.Lines(out.String()) {
			if _, digest, ok := strings.Cut(line, "the model is "); ok {
				digests = append(digests, digest)
			}
		}
		return digests, peak
	}
	const limit, tokens = 24 << 20, 4 * size * 3 / 4 // a byte is a token of four; some are JSON's
	small, peak := run(fmt.Sprintf("GOMEMLIMIT=%d", limit), "GOGC=50")
	large, all := run("GOMEMLIMIT=4GiB")
	t.Logf("%d MiB of tokens under a limit of %d MiB: at most %d MiB of memory; without it %d MiB", tokens>>20, limit>>20, peak>>20, all>>20)
	if !slices.Equal(small, large) || len(small) != 2 {
		t.Errorf("the models are %q, and %q with all tokens in memory", small, large)
	}
	if most := int64(64 << 20); peak > most || all < tokens {
		t.Errorf("%d MiB of tokens took %d MiB of memory, more than %d; all in memory they took %d", tokens>>20, peak>>20, most>>20, all>>20)
	}
}

// trainOnTokens is the work of the child.
func trainOnTokens(t *testing.T, path string) {
	s := dagtest.Store(t)
	text := dagtest.Run(t, s, dagtest.New(t, &SourceJSONL{}, "{path: "+path+"}"), nil)["out"]
	some := dagtest.Run(t, s, dagtest.New(t, &Sample{}, "{rows: 50, order: table}"), map[string]artifacts.Ref{"in": text})["out"]
	bytes := dagtest.Run(t, s, dagtest.New(t, &TextTokenize{}, "{column: text, vocab_size: 257}"), map[string]artifacts.Ref{"in": some})["out"]
	for _, k := range []dag.Kind{
		dagtest.New(t, &TrainLanguage{}, "{context: 8, layers: [{gpt: {layers: 1, heads: 1, dim: 8}}], steps: 20, batch_size: 4}"),
		dagtest.New(t, &TrainTranslation{}, "{source: text, target: word, max_source: 144, max_target: 6, network: gru, attention: false, layers: 1, dim: 4, epochs: 1, batch_size: 256}"),
	} {
		in := map[string][]artifacts.Ref{"train": {text}, "transform": {bytes}}
		out, _, err := dag.RunKind(context.Background(), s, k, in, 7, nil, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("the model is %s\n", out["out"].Digest)
	}
}
