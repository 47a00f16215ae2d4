package main

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
)

// firstCollection is how much memory the process takes before anything is
// collected. Most commands are over before that, and collecting the few
// megabytes that they begin with again and again was a third of their time.
const firstCollection = 128 << 20

// delayCollection puts the first garbage collection off. After it Go's usual
// rule holds. Who has set GOGC or GOMEMLIMIT has the say.
func delayCollection() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(firstCollection)
	percent := debug.SetGCPercent(-1)
	// Nobody holds the sentinel, so the first collection finds it.
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(math.MaxInt64)
	}, struct{}{})
}

// expectText puts the first collection off further for a large pipeline: its
// trees take sixty times its size, and what is collected while they grow is
// next to nothing.
func expectText(file string) {
	info, err := os.Stat(file)
	if err != nil || os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) != firstCollection {
		return
	}
	debug.SetMemoryLimit(firstCollection + 70*min(info.Size(), mostText))
}

// mostText is as large as a text may be that is worth that much memory.
const mostText = 10 << 20

// collectAsUsual undoes delayCollection for a process that lives long: there the
// first megabytes are not the last.
func collectAsUsual() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetGCPercent(100)
	debug.SetMemoryLimit(math.MaxInt64)
}
