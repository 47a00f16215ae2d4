//go:build !amd64

package kernel

// assembled is empty: there is assembly for amd64 only.
func assembled() []*loops { return nil }
