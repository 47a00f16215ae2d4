package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a password hash: OWASP's second choice for argon2id, which
// trades memory for passes, because this runs beside training.
const (
	hashTime    = 2
	hashMemory  = 19 << 10 // KiB
	hashThreads = 1
	hashLength  = 32
	saltLength  = 16
)

// minPassword is the shortest password, in bytes.
const minPassword = 8

// maxPassword bounds what is hashed.
const maxPassword = 1024

// HashPassword returns the hash of a password in the PHC form, salt and costs
// included.
func HashPassword(password string) (string, error) {
	if len(password) < minPassword || len(password) > maxPassword {
		return "", fmt.Errorf("a password has %d to %d characters, this one has %d", minPassword, maxPassword, len(password))
	}
	var salt [saltLength]byte
	rand.Read(salt[:]) // never fails: crypto/rand ends the process instead
	sum := argon2.IDKey([]byte(password), salt[:], hashTime, hashMemory, hashThreads, hashLength)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// decoy is checked when there is no such user, so that the time of an answer
// does not tell which names exist.
const decoy = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// checkPassword reports whether a password has the hash.
func checkPassword(hash, password string) (bool, error) {
	if len(password) > maxPassword {
		return false, nil
	}
	if hash == "" {
		hash = decoy
	}
	parts := strings.Split(hash, "$")
	var version, memory, time, threads int
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("a stored password has an unknown form")
	}
	if _, err := fmt.Sscanf(parts[2]+parts[3], "v=%dm=%d,t=%d,p=%d", &version, &memory, &time, &threads); err != nil || version != argon2.Version ||
		memory < 1 || memory > 1<<20 || time < 1 || time > 64 || threads < 1 || threads > 64 {
		return false, errors.New("a stored password has an unknown form")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("a stored password: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 {
		return false, errors.New("a stored password has an unknown form")
	}
	got := argon2.IDKey([]byte(password), salt, uint32(time), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && hash != decoy, nil
}
