package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// TestWriteFixture wants a fixture of the newest version, and writes one with -update where there is none. What was
// released never changes: remove a fixture by hand to have it written again before its version is released.
func TestWriteFixture(t *testing.T) {
	t.Parallel()
	version := store.Latest()
	_, err := os.Stat(releasedFile(version, "want.json"))
	if err == nil {
		return
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if !*update {
		t.Fatalf("version %d has no fixture: see testdata/released/README.md", version)
	}
	files := make(map[string][]byte)
	for _, database := range []string{testdb.SQLite, testdb.Postgres, testdb.MySQL} {
		a := newAuthor(t, testdb.Empty(t, database), released, 0)
		a.db = testdb.Again(t, a.db, &gorm.Config{NowFunc: a.clock})
		a.ok(store.Migrate(t.Context(), a.db))
		a.live()
		files[database+".schema.sql"], files[database+".rows.sql"] = dump(t, a.db)
		read, err := a.fixture(version, "").encode()
		a.ok(err)
		if before := files["want.json"]; before != nil && !bytes.Equal(before, read) {
			t.Errorf("%s: the program reads something else there than on the database before it", database)
		}
		files["want.json"] = read
		files[database+".statements.jsonl"] = a.recordStatements()
	}
	for name, text := range files {
		name = releasedFile(version, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
