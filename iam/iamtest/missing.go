package iamtest

import (
	"crypto/rand"
	"strings"
	"unicode"
)

// noSuch is an id in the form of another one, which nothing has: a host may answer what cannot be an id otherwise.
func noSuch(id string) string {
	if id != "" && strings.Trim(id, "0123456789") == "" {
		return "2147480" + digits(3) // no test has so many rows
	}
	hex := strings.Trim(strings.ToLower(id), "0123456789abcdef-") == ""
	random := make([]byte, len(id)+8)
	_, _ = rand.Read(random) // it never fails
	at := 0
	other := strings.Map(func(r rune) rune {
		at++
		n := rune(random[at%len(random)])
		switch {
		case unicode.IsDigit(r):
			return '0' + n%10
		case hex && r >= 'a' && r <= 'f':
			return 'a' + n%6
		case r >= 'a' && r <= 'z':
			return 'a' + n%26
		case r >= 'A' && r <= 'Z':
			return 'A' + n%26
		}
		return r
	}, id)
	if len(id) < 8 { // too short to be no other's by chance
		other += strings.Map(func(r rune) rune { return 'a' + r%26 }, digits(8))
	}
	return other
}

func digits(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random)
	for i := range random {
		random[i] = '0' + random[i]%10
	}
	return string(random)
}
