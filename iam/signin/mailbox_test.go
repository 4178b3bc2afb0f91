package signin_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

// step is a subtest on the same database that runs alone there: it may send what is queued, and look at every row.
func (w *world) step(name string, test func(w *world)) {
	w.Helper()
	w.t.Run(name, func(t *testing.T) { test(newWorld(t, w.db)) })
}

// deliver sends what is queued, as package iam/outbox does beside a mail server, and returns what went out.
func (o *org) deliver() []iam.ReadyMail {
	o.Helper()
	const lease = "the test's"
	var sent []iam.ReadyMail
	for {
		due := must(o.st.LeaseMails(o.Context(), lease, o.svc.Now(), o.svc.Now().Add(time.Minute), 100))(o)
		if len(due) == 0 {
			return sent
		}
		for _, m := range due {
			m.State, m.Ended = iam.MailSent, o.svc.Now()
			ready, err := iam.ReadyMail{}, iam.ErrUnwanted // of another test's organisation
			if m.Org == o.id || m.Org == "" {
				ready, err = o.svc.ReadyMail(o.Context(), m, lease)
			}
			switch {
			case errors.Is(err, iam.ErrUnwanted):
				m.State = iam.MailDropped
			case err != nil:
				o.Fatal(err)
			default:
				sent = append(sent, ready)
			}
			must(o.st.EndMail(o.Context(), lease, m))(o)
		}
	}
}

// linked delivers, and returns the token of the only mail with a link.
func (o *org) linked() iam.Token {
	o.Helper()
	tokens := o.allLinked()
	if len(tokens) != 1 {
		o.Fatalf("%d mails with a link went out, want 1", len(tokens))
	}
	return tokens[0]
}

// allLinked delivers, and returns the tokens of all mails with a link.
func (o *org) allLinked() []iam.Token {
	o.Helper()
	var tokens []iam.Token
	for _, m := range o.deliver() {
		if !m.Link.IsZero() {
			tokens = append(tokens, tokenIn(o, m.Link))
		}
	}
	return tokens
}

// tokenIn takes the token out of a link.
func tokenIn(tb testing.TB, link iam.Secret) iam.Token {
	tb.Helper()
	u := must(url.Parse(link.Reveal()))(tb)
	token := iam.ParseToken(u.Query().Get("token"))
	if token.IsZero() {
		tb.Fatalf("the link has no token")
	}
	return token
}

// invited is somebody with an invitation.
type invited struct {
	*person
	token iam.Token
}

// invite invites somebody, and delivers the mail. Where the creator chooses the first password, it is a good one.
func (p *person) invite(email string, roles ...policy.Role) invited {
	p.Helper()
	if len(roles) == 0 {
		roles = []policy.Role{p.lowest()}
	}
	var password iam.Secret
	if p.svc.Rules().FirstPassword == iam.ByCreator {
		password = goodPassword()
	}
	i, _, err := p.in.Invite(p.ctx(), p.actor(), iam.InviteParams{Email: email, Roles: roles}, password)
	p.ok(err)
	guest := &person{org: p.org, id: i.Account, email: email, login: p.org.id, password: password}
	return invited{guest, p.linked()}
}

// accept accepts, with a good password where the invitee chooses it.
func (i invited) accept() error {
	var params signin.AcceptParams
	if i.svc.Rules().FirstPassword == iam.ByInvitee {
		params.Password = i.good()
	}
	_, err := i.in.Accept(i.ctx(), i.token, params)
	return err
}

// good is the password that the person has, or else takes from now on.
func (p *person) good() iam.Secret {
	if p.password.IsZero() {
		p.password = goodPassword()
	}
	return p.password
}

// status is the account's.
func (p *person) status() iam.Status {
	p.Helper()
	return must(p.system().Account(p.Context(), p.id))(p).Status
}

// resetLink asks for a link to reset the password, and delivers it.
func (p *person) resetLink() iam.Token {
	p.Helper()
	p.ok(p.in.RequestReset(p.ctx(), signin.ResetParams{Org: p.login, Email: p.email}))
	return p.linked()
}

// rows are all rows of the database, as text, but for those of the tables. How many transactions there were is
// not among them.
func (w *world) rows(but ...string) string {
	w.Helper()
	var lines []string
	for _, table := range must(w.db.Migrator().GetTables())(w) {
		if !strings.HasPrefix(table, "iam_") || slices.Contains(but, table) {
			continue
		}
		var rows []map[string]any
		w.ok(w.db.WithContext(w.Context()).Table(table).Find(&rows).Error)
		for _, row := range rows {
			delete(row, "asides")
			var fields []string
			for column, value := range row {
				if b, ok := value.([]byte); ok { // as MariaDB gives its texts
					value = string(b)
				}
				fields = append(fields, fmt.Sprintf("%s=%v", column, value))
			}
			slices.Sort(fields)
			lines = append(lines, table+" "+strings.Join(fields, " "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// unchanged wants that do changes no row of the database, but in those tables.
func (w *world) unchanged(do func(), but ...string) {
	w.Helper()
	before := w.rows(but...)
	do()
	if after := w.rows(but...); after != before {
		w.Errorf("something was written:\n- %s\n+ %s", linesNotIn(before, after), linesNotIn(after, before))
	}
}

func linesNotIn(text, other string) string {
	there := strings.Split(other, "\n")
	return strings.Join(slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return slices.Contains(there, line) }), "\n  ")
}

// fieldError wants a FieldError about the field whose problem has the text.
func (w *world) fieldError(err error, field, problem string) {
	w.Helper()
	var about *iam.FieldError
	if !errors.As(err, &about) || about.Field != field || !strings.Contains(about.Problem, problem) {
		w.Errorf("got the error %v, want a FieldError about %s that says %q", err, field, problem)
	}
}
