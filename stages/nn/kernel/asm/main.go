// Command asm writes the assembly files of package kernel with avo. It is a module of its own, so that avo is no dependency of the
// program; `go generate` in the parent folder runs it once per file.
package main

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"

	. "github.com/mmcloughlin/avo/build"
)

// families are the files that can be generated, each for both instruction sets.
var families = map[string]func(isa){
	"gemm":        gemmTiles,
	"elementwise": elementwise,
	"activations": activations,
	"norms":       norms,
	"burn":        burns,
	"cells":       cells,
	"optimiser":   optimisers,
	"functions":   unaries,
	"pack":        packs,
	"pooled":      pooled,
	"columns":     columns,
	"depthwise":   depthwise,
}

func main() {
	family := flag.String("family", "", "which loops to write")
	set := flag.String("isa", "", "avx2 or avx512")
	flag.Parse()
	target, ok := isas[*set]
	write := families[*family]
	if !ok || write == nil {
		names := make([]string, 0, len(families))
		for name := range families {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "asm: -isa must be avx2 or avx512 and -family one of %s\n", strings.Join(names, ", "))
		os.Exit(3)
	}
	write(target)
	Generate()
}
