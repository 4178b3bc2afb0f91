package adminhttp_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/store/testdb"
)

// FuzzMailServer stores settings that package smtp takes, and refuses all others with the field's name: what is stored must
// not fail when the first mail is sent (D3).
func FuzzMailServer(f *testing.F) {
	f.Add("mail.example", 465, "tls", "u", "p", "Acme <no-reply@acme.example>")
	f.Add("192.0.2.1", 25, "plain", "", "", "a@b.example")
	f.Add("fe80::1%eth0", 0, "", "u", "", `"A, \"B\"" <a@b.example>`)
	f.Add("a..b", 70000, "ssl", "\u0000", "\n", "=?utf-8?q?x?= <ü@b.example>")
	f.Add("-a_b.", 1, "starttls", strings.Repeat("u", 300), strings.Repeat("p", 600), strings.Repeat("x", 490)+" <a@b.example>")
	to, _ := newTarget(f, testdb.SQLite, systems()[2])
	f.Fuzz(func(t *testing.T, host string, port int, security, username, password, from string) {
		body, err := json.Marshal(map[string]any{"host": host, "port": port, "security": security, "username": username, "password": password, "from": from})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("PUT", prefix+"/mail-server", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Test-Account", string(to.root))
		to.logs.Reset()
		w := httptest.NewRecorder()
		to.undoes.ServeHTTP(w, r)
		var got struct{ Host, Security, Username, From, Field, Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: got %d %s", body, w.Code, w.Body)
		}
		switch {
		case w.Code == 200:
			s := smtp.Server{Host: got.Host, Port: port, Security: smtp.Security(got.Security), Username: got.Username, From: got.From}
			if s.Username != "" {
				s.Password = iam.NewSecret(password)
			}
			if err := s.Check(); err != nil {
				t.Errorf("%s is stored, and no mail is sent by it: %v", body, err)
			}
		case w.Code != 400 && w.Code != 422 && w.Code != 413 || got.Field == "" && got.Detail == "":
			t.Errorf("%s: got %d %s", body, w.Code, w.Body)
		}
		if len(password) > 12 && !strings.Contains(host+security+username+from, password) && strings.Contains(w.Body.String()+to.logs.String(), password) {
			t.Errorf("%s: the password is in the answer or the log", body)
		}
	})
}
