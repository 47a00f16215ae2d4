package artifacts

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// seal puts a line before body that names the format and its version (prefix)
// and the SHA-256 of body.
func seal(prefix string, body []byte) []byte {
	return append(fmt.Appendf(nil, "%s%x\n", prefix, sha256.Sum256(body)), body...)
}

// unseal gives what was sealed; false where b is anything else.
func unseal(prefix string, b []byte) (body []byte, ok bool) {
	head, body, ok := bytes.Cut(b, []byte("\n"))
	return body, ok && string(head) == fmt.Sprintf("%s%x", prefix, sha256.Sum256(body))
}
