package iam

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// ImportParams say how a list of people is invited.
type ImportParams struct {
	// File names the list in mistakes. Defaults to "invitations.csv".
	File string
	// DryRun does everything and undoes it: the report is that of a real import, and nothing is kept.
	DryRun bool
	// Report gets a report for each line of the list, in its order. An error from it ends the import. Defaults
	// to nobody: the summary alone.
	Report func(ImportedLine) error
}

// ImportedLine is what became of a line.
type ImportedLine struct {
	Line       int // in the file, from 1
	Email      string
	Invitation Invitation // the zero Invitation when Err is set
	Warnings   []Warning
	Err        error // a *LineError; nil for who was invited
}

// ImportSummary counts what became of a list.
type ImportSummary struct {
	Invited int // were invited, or would have been
	Refused int // were not, for a mistake in the line or a refusal
	// LastLine is the last line that is settled: everything up to it was invited or refused for good.
	LastLine int
}

// LineError is a mistake in a line of a list.
type LineError struct {
	File string
	Line int
	Err  error
}

// Error names file and line.
func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

const (
	importChunk = 250 // lines in a transaction
	// MaxImportLines is how many people one list invites.
	MaxImportLines = 100_000
	// MaxImportLine is how many bytes a line of a list has, the line breaks within its quotes included.
	MaxImportLine = 64 << 10

	maxLineRoles    = 100
	maxLineBindings = 1000 // roles times projects: few words ask for very many
)

// importColumns are what a list may have, and what each is for.
var importColumns = []string{"email", "roles", "projects", "name", "username", "phone", "company", "note"}

// ImportInvitations invites everybody in a list: CSV with a line of column names, of which email and
// roles are needed, and projects, name, username, phone, company and note may be there. Roles and
// projects are words with blanks between them; a project is one to which the account is bound by each of its
// roles that can be. Who cannot be invited is reported, with the line and the field, and keeps nobody else
// from it. A line has 100 roles, and 1000 bindings of a role to a project, at most. The list is read as it is
// worked on: 250 lines are a transaction, and what was invited stays when a later one fails.
//
// The error is about the list as a whole: a column that is missing, a quote that never ends, a line of more
// than [MaxImportLine] bytes, the
// actor who may invite nobody, the database. Where the creator chooses the first password, an import
// leaves it to the link to reset it.
func (a Actor) ImportInvitations(ctx context.Context, list io.Reader, params ImportParams) (ImportSummary, error) {
	if params.File == "" {
		params.File = "invitations.csv"
	}
	i := importer{actor: a, params: params, seen: map[Email]int{}}
	if err := i.open(list); err != nil {
		return ImportSummary{}, err
	}
	for {
		lines := i.read()
		if len(lines) == 0 {
			return i.summary, i.broken
		}
		if err := i.invite(ctx, lines); err != nil {
			return i.summary, err
		}
	}
}

type importer struct {
	actor   Actor
	params  ImportParams
	list    *lineLimit
	csv     *csv.Reader
	columns []string
	seen    map[Email]int // the line of each address
	lines   int
	last    int   // the line of the file in which the last one ended
	broken  error // why the list cannot be read on
	summary ImportSummary
}

type importLine struct {
	number int
	params InviteParams
	err    error
}

func (i *importer) mistake(line int, err error) error {
	return &LineError{File: i.params.File, Line: line, Err: err}
}

// open reads the names of the columns.
func (i *importer) open(list io.Reader) error {
	i.list = &lineLimit{list: list}
	i.csv = csv.NewReader(i.list)
	i.csv.FieldsPerRecord = -1 // told with the line, by us
	header, err := i.next()
	if errors.Is(err, io.EOF) {
		return i.mistake(1, invalid("email", "the list is empty: want a line of column names, such as email,roles"))
	}
	if err != nil {
		return i.unreadable(err)
	}
	for n, name := range header {
		if n == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // as spreadsheets write it
		}
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !slices.Contains(importColumns, name):
			return i.mistake(1, invalid(cut(name), "unknown column: want %s", strings.Join(importColumns, ", ")))
		case slices.Contains(i.columns, name):
			return i.mistake(1, invalid(name, "the column is there twice"))
		}
		i.columns = append(i.columns, name)
	}
	for _, need := range importColumns[:2] {
		if !slices.Contains(i.columns, need) {
			return i.mistake(1, invalid(need, "the column is missing"))
		}
	}
	return nil
}

// next reads a line.
func (i *importer) next() ([]string, error) {
	i.list.left = MaxImportLine + readAhead
	fields, err := i.csv.Read()
	if err == nil {
		end := len(fields) - 1
		i.last, _ = i.csv.FieldPos(end)
		i.last += strings.Count(fields[end], "\n")
	}
	return fields, err
}

// unreadable is the error of a list that is no CSV from some line on, or has a line that never ends.
func (i *importer) unreadable(err error) error {
	var parse *csv.ParseError
	if i.list.exceeded { // whatever csv makes of a line that is cut
		return i.mistake(i.last+1, invalid("line", "has more than %d bytes", MaxImportLine))
	}
	if errors.As(err, &parse) {
		return i.mistake(parse.Line, fmt.Errorf("%w: %w", ErrInvalid, parse.Err))
	}
	return err
}

// read reads the lines of the next transaction. Those before a line that cannot be read come first.
func (i *importer) read() []importLine {
	var lines []importLine
	if i.broken != nil {
		return nil
	}
	for len(lines) < importChunk {
		fields, err := i.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			i.broken = i.unreadable(err)
			break
		}
		number, _ := i.csv.FieldPos(0)
		if i.lines++; i.lines > MaxImportLines {
			i.broken = i.mistake(number, invalid("email", "the list has more than %d lines: split it", MaxImportLines))
			break
		}
		line := importLine{number: number}
		line.params, line.err = i.parse(fields)
		lines = append(lines, line)
	}
	return lines
}

// parse makes parameters of a line.
func (i *importer) parse(fields []string) (InviteParams, error) {
	var p InviteParams
	if len(fields) != len(i.columns) {
		return p, invalid("line", "has %d fields: want %d, as the first line", len(fields), len(i.columns))
	}
	var projects string
	for n, text := range fields {
		text = strings.TrimSpace(text)
		switch i.columns[n] {
		case "email":
			p.Email = text
		case "roles":
			for role := range strings.FieldsSeq(text) {
				if len(p.Roles) == maxLineRoles {
					return p, invalid("roles", "there are more than %d roles", maxLineRoles)
				}
				p.Roles = append(p.Roles, policy.Role(role))
			}
		case "projects":
			projects = text
		case "name":
			p.Profile.Name = text
		case "username":
			p.Profile.Username = text
		case "phone":
			p.Profile.Phone = text
		case "company":
			p.Profile.Company = text
		case "note":
			p.Profile.Note = text
		}
	}
	return p, i.bind(&p, projects)
}

// bind binds to each project by each role that can be bound.
func (i *importer) bind(p *InviteParams, projects string) error {
	if i.actor.svc == nil || projects == "" {
		return nil
	}
	for _, role := range p.Roles {
		if !i.actor.svc.Policy().Bindable(role) {
			continue
		}
		for project := range strings.FieldsSeq(projects) {
			if len(p.Bindings) == maxLineBindings {
				return invalid("projects", "the roles make more than %d bindings to the projects: bind the others later", maxLineBindings)
			}
			p.Bindings = append(p.Bindings, Binding{Role: role, Project: policy.ProjectID(project)})
		}
	}
	if len(p.Bindings) == 0 {
		return invalid("projects", "none of the roles can be bound to a project")
	}
	return nil
}

// errDry takes a dry run's transaction back.
var errDry = errors.New("iam: a dry run")

// invite invites the people of some lines in one transaction, and reports on them when it is committed.
func (i *importer) invite(ctx context.Context, lines []importLine) error {
	a := i.actor
	need := a.rules().Permissions.ManageAccounts
	var done []ImportedLine
	var seen map[Email]int
	err := a.write(ctx, need, a.orgWide(need), func(c *change) error {
		done, seen = nil, map[Email]int{} // the transaction may be run again
		for _, line := range lines {
			one, err := i.one(c, line, seen)
			if err != nil {
				return err
			}
			done = append(done, one)
		}
		if i.params.DryRun {
			return errDry
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return err
	}
	for email, line := range seen {
		i.seen[email] = line
	}
	for _, one := range done {
		if one.Err == nil {
			i.summary.Invited++
		} else {
			i.summary.Refused++
		}
		i.summary.LastLine = one.Line
		if i.params.Report == nil {
			continue
		}
		if err := i.params.Report(one); err != nil {
			return err
		}
	}
	return nil
}

// one invites one, or says why not. Its error is one that ends the import.
func (i *importer) one(c *change, line importLine, seen map[Email]int) (ImportedLine, error) {
	one := ImportedLine{Line: line.number, Email: line.params.Email}
	err := line.err
	if err == nil {
		err = i.unseen(c, line, seen)
	}
	if err == nil {
		one.Invitation, one.Warnings, err = c.invite(line.params)
	}
	switch {
	case err == nil:
		return one, nil
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrForbidden), errors.Is(err, ErrExists):
		one.Err = i.mistake(line.number, err)
		return one, nil
	default:
		return one, err
	}
}

// unseen refuses an address that stands in the list a second time. Between transactions the database
// would, but not in a dry run.
func (i *importer) unseen(c *change, line importLine, seen map[Email]int) error {
	email, err := parseEmail(line.params.Email, c.system.Rules.UnicodeEmail)
	if err != nil {
		return err
	}
	for _, before := range []map[Email]int{i.seen, seen} {
		if first, there := before[email]; there {
			return &FieldError{Field: "Email", Problem: fmt.Sprintf("the address stands in line %d already", first), Reason: ErrExists}
		}
	}
	seen[email] = line.number
	return nil
}
