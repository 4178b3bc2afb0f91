package outbox_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/outbox"
	"github.com/castellan-iam/castellan/iam/smtp"
	"github.com/castellan-iam/castellan/iam/smtp/smtptest"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

const host = "https://cloud.acme.example"

// world is a database with one organisation, whose mails nobody sends but the test.
type world struct {
	*testing.T
	db    *gorm.DB
	st    *store.Store
	clock *clock
	svc   *iam.Service
	org   policy.OrgID
	root  policy.AccountID
	log   *logged
}

// eachDatabase runs the test on every database that can be reached.
func eachDatabase(t *testing.T, test func(w *world)) {
	t.Helper()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) { test(newWorld(t, db, emqx.System())) })
}

// onSQLite runs the test on the database that is always there.
func onSQLite(t *testing.T, system iam.System) *world {
	t.Helper()
	return newWorld(t, testdb.Open(t, testdb.SQLite), system)
}

func newWorld(t *testing.T, db *gorm.DB, system iam.System) *world {
	t.Helper()
	w := &world{T: t, db: db, st: store.New(db), clock: newClock(), log: new(logged)}
	w.svc = w.service(w.st, system)
	w.org, w.root = w.organization("Acme")
	return w
}

// organization makes an organisation of the world's service.
func (w *world) organization(name string) (policy.OrgID, policy.AccountID) {
	w.Helper()
	made := must(w.svc.System("test").CreateOrganization(w.Context(), iam.CreateOrganizationParams{
		Name: name, Root: &iam.CreateAccountParams{Email: address("rosa"), Profile: iam.Profile{Name: "Rosa Root"}},
	}))(w)
	return made.ID, made.Root
}

// service is a node's.
func (w *world) service(st iam.Store, system iam.System) *iam.Service {
	w.Helper()
	return must(iam.New(st, system, iam.Config{Now: w.clock.now, BaseURL: host, Keys: iam.Keys{{ID: "k1", Secret: [32]byte{1}}}}))(w)
}

// outbox is one that logs into the world.
func (w *world) outbox(svc *iam.Service, mailer iam.Mailer, config outbox.Config) *outbox.Outbox {
	w.Helper()
	config.Logger = slog.New(slog.NewTextHandler(w.log, nil))
	return must(outbox.New(svc, mailer, config))(w)
}

// through is an outbox that sends through the server.
func (w *world) through(server *smtptest.Server) *outbox.Outbox {
	w.Helper()
	mailer := must(smtp.New(server.Settings(), smtp.Config{Now: w.clock.now}))(w)
	return w.outbox(w.svc, mailer, outbox.Config{Product: "Acme Cloud"})
}

// sends wants that the outbox has so many mails to try now.
func (w *world) sends(o *outbox.Outbox, want int) {
	w.Helper()
	if got := must(o.SendDue(w.Context()))(w); got != want {
		w.Errorf("%d mails were tried, want %d", got, want)
	}
}

// as acts for an account as it stands.
func (w *world) as(id policy.AccountID) iam.Actor {
	w.Helper()
	return w.svc.As(must(w.svc.Subject(w.Context(), id))(w))
}

// invite invites somebody in root's name.
func (w *world) invite(email string) iam.Invitation {
	w.Helper()
	invitation, _, err := w.as(w.root).Invite(w.Context(), iam.InviteParams{Email: email, Roles: []policy.Role{emqx.Administrator}})
	w.ok(err)
	return invitation
}

// member makes an active account with an address.
func (w *world) member(email string) iam.Account {
	w.Helper()
	account, _, err := w.svc.System("test").In(w.org).CreateAccount(w.Context(), iam.CreateAccountParams{
		Email: email, Roles: []policy.Role{emqx.Administrator}, Active: true,
	})
	w.ok(err)
	return account
}

// notices queues mails without a link to root, and returns their ids.
func (w *world) notices(org policy.OrgID, root policy.AccountID, n int) []iam.MailID {
	w.Helper()
	ids := make([]iam.MailID, n)
	w.ok(w.st.WriteAside(w.Context(), org, func(tx iam.Tx) error {
		for i := range ids {
			ids[i] = iam.MailID(must(w.svc.NewID())(w))
			err := tx.InsertMail(w.Context(), iam.Mail{
				ID: ids[i], Org: org, Account: root, To: "rosa@acme.example", Template: string(outbox.PasswordChanged),
				Created: w.svc.Now(), Next: w.svc.Now(), State: iam.MailQueued,
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return ids
}

// mail reads a mail of the organisation.
func (w *world) mail(id iam.MailID) iam.Mail {
	w.Helper()
	all := must(w.st.Mails(w.Context(), w.org, iam.MailQuery{Limit: 1000}))(w)
	i := slices.IndexFunc(all, func(m iam.Mail) bool { return m.ID == id })
	if i < 0 {
		w.Fatalf("there is no mail %s", id)
	}
	return all[i]
}

// seen is what an inviter sees of the mail of an invitation.
func (w *world) seen(account policy.AccountID) (iam.MailState, string) {
	w.Helper()
	for _, i := range must(w.as(w.root).Invitations(w.Context(), iam.InvitationQuery{}))(w) {
		if i.Account == account {
			return i.Mail, i.Reply
		}
	}
	w.Fatalf("there is no invitation of %s", account)
	return "", ""
}

// wantState wants that an inviter sees the state, with a reply that has a text in it.
func (w *world) wantState(account policy.AccountID, want iam.MailState, reply string) {
	w.Helper()
	state, got := w.seen(account)
	if state != want || !strings.Contains(got, reply) {
		w.Errorf("the inviter sees %s, %q; want %s with %q", state, got, want, reply)
	}
}

// traces are the rows of all tables and the lines of the log that have a text in them.
func (w *world) traces(text string) []string {
	w.Helper()
	var found []string
	tables := must(w.db.Migrator().GetTables())(w)
	if len(tables) < 15 {
		w.Fatalf("only these tables are looked through: %v", tables)
	}
	for _, table := range tables {
		var rows []map[string]any
		w.ok(w.db.Table(table).Find(&rows).Error)
		for _, row := range rows {
			if line := fmt.Sprintf("%s: %s", table, row); strings.Contains(line, text) {
				found = append(found, line)
			}
		}
	}
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, text) {
			found = append(found, "log: "+line)
		}
	}
	return found
}

// links are the addresses with a token, of which a mail must have one in its text.
var links = regexp.MustCompile(`https://\S+\?token=[\w-]+`)

// linkIn is the link of a mail, and its token.
func (w *world) linkIn(m smtptest.Message) (string, iam.Token) {
	w.Helper()
	all := links.FindAllString(m.Text(), -1)
	if len(all) != 1 {
		w.Fatalf("the mail has the links %v:\n%s", all, m.Text())
	}
	_, text, _ := strings.Cut(all[0], "token=")
	token := iam.ParseToken(text)
	if token.IsZero() {
		w.Fatalf("%s has no token", all[0])
	}
	return all[0], token
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) refused(err, target error) {
	w.Helper()
	if !errors.Is(err, target) {
		w.Errorf("got the error %v, want %v", err, target)
	}
}

// address is an address that no other test has.
func address(local string) string { return local + "@" + strings.ToLower(rand.Text()) + ".example" }

// must returns the value of a call, and ends the test on its error: must(call())(t).
func must[T any](value T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return value
	}
}
