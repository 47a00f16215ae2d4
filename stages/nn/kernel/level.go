package kernel

import "fmt"

// Features names the loops that are in use: "avx512", "avx2" or "portable".
func Features() string { return "portable" }

// SetLevel forces the loops named by level ("avx512", "avx2", "portable") and returns a function that restores the former choice. It is
// for tests only: it must not run beside any other call of this package, and it panics when this machine lacks the level.
func SetLevel(level string) (restore func()) {
	if level != "portable" {
		panic(fmt.Sprintf("kernel: level %q is not available on this machine", level))
	}
	return func() {}
}
