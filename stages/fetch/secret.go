package fetch

import "strings"

// signature tells whether a parameter of an address is there to let somebody in.
func signature(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"token", "signature", "secret", "password", "credential", "x-amz-", "x-goog-", "api_key", "apikey", "access_key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return name == "sig" || name == "key" || name == "se" || name == "sv"
}
