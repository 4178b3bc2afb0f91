package signin

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestBlocklist holds the list against the recipe that made it, and SB-04: at least 3,000 of its
// lines are long enough for each rule, the default one too.
func TestBlocklist(t *testing.T) {
	t.Parallel()
	want := makeBlocklist(t)
	if *update {
		if err := os.WriteFile("blocklist.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if blocklist != want {
		t.Error("blocklist.txt is not what testdata/blocklist.parts makes: go test ./iam/signin -update, and review the difference")
	}
	lines := strings.Split(strings.TrimSuffix(want, "\n"), "\n")
	if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Error("the list is not sorted, or has a line twice")
	}
	long := map[int]int{}
	for _, line := range lines {
		if line == "" || line != fold(line) || len(line) > maxListed {
			t.Errorf("%q is empty, not folded, or longer than %d bytes", line, maxListed)
		}
		for _, least := range []int{8, 15} {
			if utf8.RuneCountInString(line) >= least {
				long[least]++
			}
		}
	}
	for _, least := range []int{8, 15} {
		if long[least] < 3000 {
			t.Errorf("%d lines have %d characters: want 3,000", long[least], least)
		}
	}
}

// makeBlocklist puts the list together: every word, name and phrase as it is and with each ending;
// every word and name twice, and three times if it is short; every name behind "iloveyou"; every walk from its sixth key on, however far
// somebody goes; and every letter and digit again and again.
func makeBlocklist(t *testing.T) string {
	t.Helper()
	parts := readParts(t)
	var all []string
	for _, word := range slices.Concat(parts["words"], parts["names"], parts["phrases"]) {
		all = append(all, word)
		for _, ending := range parts["endings"] {
			all = append(all, word+ending)
		}
	}
	for _, word := range slices.Concat(parts["words"], parts["names"]) {
		all = append(all, word+word)
		if len(word) < 8 {
			all = append(all, word+word+word)
		}
	}
	for _, name := range parts["names"] {
		all = append(all, "iloveyou"+name)
	}
	for _, walk := range parts["walks"] {
		keys := []rune(walk)
		for n := 6; n <= len(keys); n++ {
			all = append(all, string(keys[:n]))
		}
	}
	for _, key := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		for _, n := range []int{6, 7, 8, 9, 10, 12, 15, 16, 18, 20} {
			all = append(all, strings.Repeat(string(key), n))
		}
	}
	all = slices.DeleteFunc(all, func(line string) bool { return len(line) > maxListed })
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "\n") + "\n"
}

// readParts returns the words of each section.
func readParts(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/blocklist.parts")
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string][]string{}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch name, isSection := strings.CutPrefix(line, "["); {
		case strings.HasPrefix(line, "# ") || line == "#":
		case isSection && strings.HasSuffix(name, "]"):
			section = strings.TrimSuffix(name, "]")
		default:
			parts[section] = append(parts[section], strings.Fields(line)...)
		}
	}
	for _, section := range []string{"words", "names", "phrases", "walks", "endings"} {
		if len(parts[section]) == 0 {
			t.Fatalf("testdata/blocklist.parts has no section %s", section)
		}
	}
	return parts
}

// Every line is found, and what lies beside it in the order of the file is not.
func TestIsListed(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(blocklist, "\n"), "\n")
	listed := map[string]bool{}
	for _, line := range lines {
		listed[line] = true
	}
	for _, line := range lines {
		for _, text := range []string{line, line[1:], line[:len(line)-1], line + "x", line + " ", "~" + line} {
			if got, want := isListed(text), listed[text]; got != want {
				t.Fatalf("%q: got %t, want %t", text, got, want)
			}
		}
	}
	for _, text := range []string{"", "\n", lines[0] + "\n" + lines[1], "\n" + lines[0], "\x00", "\xff", strings.Repeat("z", 100_000)} {
		if isListed(text) {
			t.Errorf("%.40q is listed", text)
		}
	}
}

// What people do to one of the most used passwords does not hide it (SB-04), and a passphrase that
// has such a word in it stays good.
func TestListedCore(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		least int
		want  string
	}{
		{"password", 8, "password"},
		{"p@$$w0rd", 8, "password"},
		{"pa$sw0rd2024!", 8, "password"},
		{"passw0rd2024!", 8, "passw0rd"}, // a line of its own
		{"passwordpassword2024", 15, "passwordpassword"},
		{"2024!!dragon", 8, "dragon"},
		{"!!!dr4g0n???", 8, "dragon"},
		{"l1verp00l", 8, "liverpool"},
		{"!loveyou2", 8, "iloveyou2"},
		{"we1come", 8, "welcome"},
		{"@dmin!@#$", 8, "admin"},
		{"acce$$granted", 8, "accessgranted"},
		{"12345678!", 8, "12345678"},
		{"🔥dragon🔥", 8, "dragon"},
		{"monkey7391847", 8, "monkey"},
		{"monkey73918472", 8, ""}, // the eight digits are as good as any other eight characters
		{"monkey73918472", 15, "monkey"},
		{"dragons eat cheese", 15, ""},
		{"correct dragon paperclip", 15, ""},
		{"xk93jfpq", 8, ""},
		{"73918472", 8, ""},
		{strings.Repeat("1", 1000) + "dragon", 15, ""},
	} {
		if got := listedCore(c.text, c.least); got != c.want {
			t.Errorf("%.40q with %d: got %q, want %q", c.text, c.least, got, c.want)
		}
	}
}
