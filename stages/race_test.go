//go:build race

package stages

// raceDetector tells that the tests run under the race detector, which
// multiplies their memory.
const raceDetector = true
