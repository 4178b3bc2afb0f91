package castellan_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/castellan-iam/castellan"

// A layer is a folder and everything that its code, tests left out, may import beyond the standard
// library, each with the reason. What is not named is not allowed.
var layers = map[string]map[string]string{
	".": {},
	"policy": {
		".":                        "the embedded model.conf",
		"github.com/casbin/casbin": "the rules are Casbin's; in casbin.go alone",
	},
	"policy/gen":        {"policy": "reads the CSV as the policy does", "policy/gen/vet": "what the generated test calls"},
	"policy/gen/vet":    {"policy": "knows which pairs are known"},
	"policy/policytest": {"policy": "runs fixtures against a policy"},
	"iam/internal/hot":  {},
	"iam": {
		"policy":                 "decides",
		"iam/internal/hot":       "keeps subjects in memory",
		"github.com/google/uuid": "makes ids",
		"golang.org/x/net/idna":  "the one ASCII form of an address's domain",
		"golang.org/x/text":      "which letters beyond ASCII an address may have, and the one form of each",
	},
	"iam/signin": {
		"iam":                    "accounts, their credentials and sessions",
		"policy":                 "ids of accounts",
		"golang.org/x/crypto":    "argon2id",
		"github.com/pquerna/otp": "the key URI's picture",
	},
	"iam/smtp": {
		"iam":                         "the mailer that it is, and the addresses that it takes",
		"github.com/wneessen/go-mail": "composes MIME messages",
	},
	"iam/smtp/smtptest": {
		"iam":                         "wraps its password",
		"iam/smtp":                    "the settings to use it with, and the names of the stages",
		"github.com/emersion/go-smtp": "the server, in tests only",
		"github.com/emersion/go-sasl": "its AUTH",
	},
	"iam/emqx":      {".": "the embedded policy.csv", "iam": "a System is its policy and rules", "policy": "typed vocabulary"},
	"iam/lanit":     {"iam": "a System is its policy and rules", "policy": "typed vocabulary"},
	"iam/devicehub": {"iam": "a System is its policy and rules", "policy": "typed vocabulary"},
	"iam/iamhttp":   {"iam": "loads subjects and refuses", "policy": "names resources and actions"},
	"iam/adminhttp": {
		"iam":         "each route is a method of its Actor",
		"iam/iamhttp": "refuses, and answers errors",
		"iam/signin":  "passwords, second factors and sessions, where the host has them",
		"iam/smtp":    "what a test of a mail server comes to",
		"policy":      "ids, roles and permissions",
	},
	"iam/signinhttp": {
		"iam":         "links, subjects and rules",
		"iam/iamhttp": "where requests come from, and how errors are answered",
		"iam/signin":  "does what the routes are asked for",
		"policy":      "ids and permissions",
	},
	"iam/outbox": {
		"iam":      "the mails that are due, and whom they concern",
		"iam/smtp": "the mail servers of organisations (D3)",
		"policy":   "ids",
	},
	"iam/iamtest": {
		"iam":        "the service that it asks, and what is stored of people",
		"iam/outbox": "sends the mails whose links are followed",
		"iam/signin": "passwords, second factors and links of the people that it makes",
		"policy":     "roles, ids and permissions",
	},
	"iam/storetest":        {"iam": "the contract that it proves", "policy": "ids and grants"},
	"store/internal/dberr": {"gorm.io": "its error of a duplicate, for hosts that translate errors"},
	"store": {
		"iam": "implements its Store",

		"store/internal/dberr": "which failures pass",
		"policy":               "turns a Reach into SQL",
		"gorm.io":              "the host's database; no driver",
	},
	"store/pgnotify": {
		"iam":                  "is its Listener",
		"policy":               "ids of organisations",
		"store":                "the channel on which it announces changes",
		"github.com/jackc/pgx": "LISTEN, which database/sql does not know",
	},
	"store/sqlite": {
		"gorm.io":                    "the dialector with cgo",
		"github.com/glebarez/sqlite": "the dialector without cgo",
	},
	"store/testdb": {
		"store":        "migrates what it opens",
		"store/sqlite": "the database that is always there",
		"gorm.io":      "the drivers of the two others, in tests only",

		"github.com/go-sql-driver/mysql": "puts a database's name into a DSN",
		"go.uber.org/goleak":             "no test leaves a goroutine behind",
	},
	"store/scaletest": {},
	"store/policystore": {
		".":                              "the embedded model.conf",
		"policy":                         "reads, checks and compiles what it stores",
		"store/internal/dberr":           "which failures pass",
		"gorm.io":                        "the host's database; no driver",
		"github.com/casbin/casbin":       "the model that gorm-adapter loads into",
		"github.com/casbin/gorm-adapter": "the casbin_rule table; nobody else pays for its drivers",
	},
	"examples": nil, // hosts: they import what they like
}

// TestLayers holds the architecture against the imports (style rule 18).
func TestLayers(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		checkImports(t, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("walked %d files: the test no longer sees the module", files)
	}
}

func checkImports(t *testing.T, name string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	dir := path.Dir(name)
	if strings.HasPrefix(dir, "examples") {
		dir = "examples"
	}
	allowed, known := layers[dir]
	if !known {
		t.Errorf("%s: the folder is in no layer: say in layers what it may import, and why", name)
		return
	}
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if allowed != nil && !allows(allowed, imported) {
			t.Errorf("%s imports %s, which layer %s may not", name, imported, dir)
		}
		if dir == "policy" && path.Base(name) != "casbin.go" && strings.Contains(imported, "casbin/casbin") {
			t.Errorf("%s imports %s: only casbin.go may", name, imported)
		}
	}
}

func allows(allowed map[string]string, imported string) bool {
	ours, isOurs := strings.CutPrefix(imported, module)
	if isOurs {
		ours = strings.TrimPrefix(ours, "/")
		if ours == "" {
			ours = "."
		}
		return allowed[ours] != ""
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	for prefix, reason := range allowed {
		if reason != "" && (imported == prefix || strings.HasPrefix(imported, prefix+"/")) {
			return true
		}
	}
	return false
}
