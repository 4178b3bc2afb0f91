package outbox

import (
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
)

const echoToken = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"

// What a server repeats of a link is taken out, also in pieces; the rest stays as it is.
func TestWithoutToken(t *testing.T) {
	t.Parallel()
	link := iam.NewSecret("https://acme.example/activate?token=" + echoToken)
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"250 2.0.0 Ok: queued as 4XyZ", "250 2.0.0 Ok: queued as 4XyZ"},
		{"550 " + link.Reveal() + " is listed", "550 https://acme.example/activate?token=[secret] is listed"},
		{strings.ToUpper(echoToken), "[secret]"},
		{strings.ToLower(echoToken) + "," + echoToken, "[secret],[secret]"},
		{echoToken[:20] + "\r\n" + echoToken[20:], "[secret]\r\n[secret]"},
		{"x" + echoToken[3:11] + "x", "x[secret]x"},
		{echoToken[3:10], echoToken[3:10]}, // too little to be of use, or to be sure
		{"пример \xff" + echoToken, "пример \xff[secret]"},
	} {
		if got := withoutToken(c.text, link); got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
	if got := withoutToken("250 Ok", iam.Secret{}); got != "250 Ok" {
		t.Errorf("without a link: got %q", got)
	}
}

// No eight characters of a token in a row remain, whatever is around them.
func FuzzWithoutToken(f *testing.F) {
	f.Add("550 ", 0, 43, " listed")
	f.Add(echoToken[35:], 8, 8, "\n")
	f.Fuzz(func(t *testing.T, before string, from, n int, behind string) {
		from = min(max(from, 0), len(echoToken))
		n = min(max(n, 0), len(echoToken)-from)
		got := asciiLower(withoutToken(before+echoToken[from:from+n]+behind, iam.NewSecret("https://acme.example/?token="+echoToken)))
		for i := range len(echoToken) - minEcho + 1 {
			if piece := asciiLower(echoToken[i : i+minEcho]); strings.Contains(got, piece) {
				t.Fatalf("%q has %q", got, piece)
			}
		}
	})
}
