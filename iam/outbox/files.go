package outbox

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// read reads the files of all languages. Hidden files are passed over, and files beside the
// languages' folders that are no templates.
func read(files fs.FS) (sources, error) {
	folders, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	all, wrong := sources{}, mistakes{}
	for _, folder := range folders {
		name := folder.Name()
		language := strings.ToLower(name)
		switch {
		case strings.HasPrefix(name, "."):
		case !folder.IsDir():
			if isTemplate(name) {
				wrong.add(fmt.Errorf("outbox: %s: a template must be in the folder of its language, such as en", name))
			}
		case !isLanguage(name):
			wrong.add(fmt.Errorf("outbox: %s: no folder of a language, such as en or de-AT: use fs.Sub for what is in it", name))
		case all[language] != nil:
			wrong.add(fmt.Errorf("outbox: %s: two folders are of this language", name))
		default:
			all[language], err = readFolder(files, name)
			wrong.add(err)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("outbox: no folder of a language, such as en, is in the file system")
	}
	return all, nil
}

func readFolder(files fs.FS, folder string) (map[string]source, error) {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	all, wrong := map[string]source{}, mistakes{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file := path.Join(folder, e.Name())
		if !isTemplate(e.Name()) || !isMail(e.Name()) {
			wrong.add(fmt.Errorf("outbox: %s: no mail has this name", file))
			continue
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			wrong.add(fmt.Errorf("outbox: %w", err))
			continue
		}
		if i := invalidUTF8(text); i >= 0 {
			wrong.add(fmt.Errorf("outbox: %s:%d: this is not UTF-8", file, 1+bytes.Count(text[:i], []byte("\n"))))
			continue
		}
		text = bytes.TrimPrefix(text, []byte("\uFEFF"))
		all[e.Name()] = source{file, string(text)}
	}
	for base, s := range all {
		mail, isHTML := strings.CutSuffix(base, ".html")
		if _, ok := all[mail+".txt"]; isHTML && mail != "layout" && !ok {
			wrong.add(fmt.Errorf("outbox: %s: a mail needs its text and subject too: %s.txt", s.file, mail))
		}
	}
	return all, wrong.err()
}

func isTemplate(base string) bool { return path.Ext(base) == ".txt" || path.Ext(base) == ".html" }

func isMail(base string) bool {
	return base == "layout.html" || Name(strings.TrimSuffix(base, path.Ext(base))).known()
}

// isLanguage reports whether a folder's name is a language tag (RFC 5646).
func isLanguage(folder string) bool {
	ok, _ := regexp.MatchString(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`, folder)
	return ok && len(folder) <= maxLanguage
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
