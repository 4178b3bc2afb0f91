package adminhttp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
)

// everything has a member of every kind that requests have.
type everything struct {
	Text    string     `json:"text" max:"8"`
	Word    string     `json:"word,omitempty" enum:"a,b"`
	Yes     bool       `json:"yes,omitempty"`
	Number  int        `json:"number,omitempty" min:"1" max:"9"`
	When    time.Time  `json:"when,omitzero"`
	Secret  iam.Secret `json:"secret,omitzero"`
	Strings []string   `json:"strings,omitempty"`
	Inside  struct {
		Items []projectBinding `json:"items,omitempty"`
	} `json:"inside,omitzero"`
}

func readEverything(body string) (everything, error) {
	var got everything
	err := readJSON([]byte(body), reflect.ValueOf(&got).Elem())
	return got, err
}

// SB-63: what is read is what encoding/json reads, and nothing that it only tolerates.
func TestReadJSON(t *testing.T) {
	t.Parallel()
	whole := `{"text":"t","word":"a","yes":true,"number":3,"when":"2026-01-02T10:00:00+01:00","secret":"s","strings":["x","y"],` +
		`"inside":{"items":[{"role":"r","project":"p"}]}}`
	got, err := readEverything(" " + whole + "\n")
	if err != nil {
		t.Fatal(err)
	}
	var want everything
	if err := json.Unmarshal([]byte(whole), &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v, %v", got, want, err)
	}
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", ``, "want a JSON object, and not nothing"},
		{"blanks", ` `, "want a JSON object, and not nothing"},
		{"a string", `"x"`, "want an object"},
		{"a comment", `{/**/}`, "this is no JSON, as of byte 1"},
		{"a comma at the end", `{"text":"t",}`, "this is no JSON, as of byte 12"},
		{"cut", `{"text":"t"`, "this is no JSON, as of byte 11"},
		{"two", `{"text":"t"}{}`, "there is more behind the JSON object, as of byte 13"},
		{"a brace too many", `{"text":"t"}}`, "there is more behind the JSON object, as of byte 12"},
		{"missing", `{}`, "text: is missing"},
		{"another case", `{"Text":"t"}`, "Text: unknown field"},
		{"twice", `{"text":"t","text":"u"}`, "text: want it once"},
		{"twice by an escape", `{"text":"t","\u0074ext":"u"}`, "text: want it once"},
		{"null", `{"text":null}`, "text: want a string"},
		{"too long", `{"text":"123456789"}`, "text: has 9 bytes: at most 8"},
		{"a NUL", `{"text":"\u0000"}`, "text: want UTF-8 without NUL"},
		{"another word", `{"word":"c"}`, "word: want a or b"},
		{"no number", `{"number":"1"}`, "number: want a whole number from 1 to 9"},
		{"a fraction", `{"number":1.5}`, "number: want a whole number from 1 to 9"},
		{"too large", `{"number":1e3}`, "number: want a whole number from 1 to 9"},
		{"no boolean", `{"yes":1}`, "yes: want true or false"},
		{"no time", `{"when":"2026-01-02"}`, "when: want a time such as 2026-01-02T15:04:05Z"},
		{"deep inside", `{"text":"t","inside":{"items":[{"role":"r","project":"p"},{"role":"r"}]}}`, "inside.items[1].project: is missing"},
		{"a long name", `{"` + strings.Repeat("x", 99) + `":1}`, strings.Repeat("x", 64) + "…: unknown field"},
		{"deeper than anything is", strings.Repeat("[", 100000), "want an object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := readEverything(tt.body)
			if got := problemText(err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzReadJSON reads anything without a panic, and never takes what encoding/json reads as something else.
func FuzzReadJSON(f *testing.F) {
	f.Add(`{"text":"t","number":3,"inside":{"items":[{"role":"r","project":"p"}]}}`)
	f.Add(`{"text":"\ud800","when":"2026-01-02T10:00:00Z"}`)
	f.Add(`[[[`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := readEverything(body)
		if err != nil {
			return
		}
		var want everything
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q was read, but %v", body, err)
		}
		if len(got.Strings) == 0 {
			got.Strings, want.Strings = nil, nil
		}
		if len(got.Inside.Items) == 0 {
			got.Inside.Items, want.Inside.Items = nil, nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", body, got, want)
		}
	})
}

// FuzzCursor opens nothing that was not sealed, and everything that was (SB-72).
func FuzzCursor(f *testing.F) {
	key := sha256.Sum256([]byte("key"))
	c, err := newCursors(key[:], nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("id", "list", "org")
	f.Add("", "", "\x00")
	f.Fuzz(func(t *testing.T, position, a, b string) {
		cursor := c.seal(position, a, b)
		if got, err := c.open(cursor, a, b); err != nil || got != position {
			t.Fatalf("got %q, %v, want %q", got, err, position)
		}
		if _, err := c.open(cursor, a+b, ""); err == nil && b != "" {
			t.Error("parts of the scope are taken for one another")
		}
		if _, err := c.open(cursor+"\n", a, b); err == nil {
			t.Error("one cursor has two spellings")
		}
		if _, err := c.open(position, a, b); err == nil {
			t.Error("a position is taken for a cursor")
		}
		raw, _ := base64.RawURLEncoding.DecodeString(cursor)
		raw[len(raw)-1] ^= 1
		if _, err := c.open(base64.RawURLEncoding.EncodeToString(raw), a, b); err == nil {
			t.Error("a cursor that was changed is taken")
		}
	})
}

// problemText is the field and the detail of a 400.
func problemText(err error) string {
	var status *iamhttp.StatusError
	switch {
	case !errors.As(err, &status):
		return ""
	case status.Field == "":
		return status.Detail
	}
	return status.Field + ": " + status.Detail
}
