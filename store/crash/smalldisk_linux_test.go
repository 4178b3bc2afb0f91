package crash_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/store/sqlite"
	"github.com/castellan-iam/castellan/store/testdb"
)

// mountEnv has the folder on which a process is to mount a file system of its own, which nobody else sees.
const mountEnv = "CASTELLAN_CRASH_MOUNT"

const smallDisk = "size=12m"

// The same as TestFullDatabase, on a file system that is full: no page can be added to the WAL, nor a file be made.
func TestSmallDisk(t *testing.T) {
	t.Parallel()
	dir := os.Getenv(mountEnv)
	if dir == "" {
		onOwnMount(t)
		return
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, smallDisk); err != nil {
		t.Fatalf("mount: %v", err)
	}
	for name, d := range map[string]*fullDisk{
		"a WAL that cannot begin": {dir: dir, truncate: true},
		"a WAL that cannot grow":  {dir: dir},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testdb.SQLite)
			w.place.DSN = filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".db")
			newScarcity(w, d).whole()
			w.ok(os.Remove(w.place.DSN))
		})
	}
	t.Run("opened on it", func(t *testing.T) { openedOnFull(t, dir) })
}

// onOwnMount runs this test again in a process that may mount. What it mounts goes with it.
func onOwnMount(t *testing.T) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), mountEnv+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	said, err := child.CombinedOutput()
	var ended *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &ended):
		t.Skipf("no file system can be mounted here: %v", err)
	case strings.Contains(string(said), "mount: "):
		t.Skip("no file system can be mounted here")
	case err != nil || !strings.Contains(string(said), "--- PASS: TestSmallDisk/opened_on_it"):
		t.Errorf("on a file system of its own: %v\n%s", err, said)
	}
}

// fullDisk is a file system that a file has filled to its last block.
type fullDisk struct {
	dir      string
	truncate bool // empties the WAL first, so that not even a frame of it can be written over
}

// What the WAL has left may do for a row, and for no event.
func (d *fullDisk) total() bool { return d.truncate }

func (*fullDisk) says() string { return "database or disk is full" }

func (d *fullDisk) filler() string { return filepath.Join(d.dir, "filler") }

func (d *fullDisk) fill(s *scarcity) {
	s.Helper()
	if d.truncate {
		s.ok(s.db.Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error)
	}
	s.ok(fillUp(d.filler()))
	if d.truncate {
		return
	}
	system := s.svc.System("").In(s.org().id)
	for range 100_000 { // into what the WAL has left
		if system.Record(s.Context(), smallest) != nil {
			return
		}
	}
	s.Fatal("the disk was never full")
}

func (d *fullDisk) free(s *scarcity) {
	s.Helper()
	s.ok(os.Remove(d.filler()))
}

// fillUp writes a file until there is no more room.
func fillUp(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return file.Close()
}

// openedOnFull opens a database, and makes one, where there is no room for either, and where nothing can be written: the
// error says which file, and why.
func openedOnFull(t *testing.T, dir string) {
	w := newWorld(t, testdb.SQLite)
	w.place.DSN = filepath.Join(dir, "there.db")
	w.found(1)
	filler := filepath.Join(dir, "filler")
	w.ok(fillUp(filler))
	refused := func(name, say string) {
		t.Helper()
		path := filepath.Join(dir, name)
		_, err := sqlite.Open(path, &gorm.Config{Logger: logger.Discard})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), say) {
			t.Errorf("got the error %v, want one with %q and %q", err, path, say)
		}
	}
	refused("there.db", "no space left on device")
	refused("new.db", "database or disk is full")
	w.ok(os.Remove(filler))
	w.visit(func(h *host) { newInquest(w, nil).sound(h.db) })
	w.ok(syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, smallDisk))
	refused("there.db", "read-only file system")
	refused("other.db", "read-only file system")
}
