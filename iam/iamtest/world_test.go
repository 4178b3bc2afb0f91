package iamtest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamtest"
)

// The people of a world are what their names say.
func TestPeopleAreWhatTheirNamesSay(t *testing.T) {
	t.Parallel()
	w := iamtest.NewWorld(t, starting(nil))
	for name, want := range map[string]iam.Status{
		"root": iam.Active, "auditor": iam.Active, "project_user": iam.Active, iamtest.Pending: iam.Pending, iamtest.Disabled: iam.Disabled, iamtest.Stranger: iam.Active,
	} {
		account, err := w.Host.Service.System("test").In(w.As(name).Org).Account(t.Context(), w.As(name).ID)
		if err != nil || account.Status != want || account.Root != (name == "root" || name == iamtest.Stranger) {
			t.Errorf("%s is %+v: %v", name, account, err)
		}
	}
	if p := w.As(iamtest.Stranger); p.Org != w.Foreign || w.As("root").Org != w.Home {
		t.Error("the stranger is no stranger")
	}
	if p := w.As(iamtest.Nobody); p.ID != "" || p.Subject().ID() != "" {
		t.Error("nobody is somebody")
	}
	bound := w.Host.Service.System("test").In(w.Home)
	for name, want := range map[string]int{"project_user": 1, "project_user, unbound": 0, "project_user, bound elsewhere": 1, "auditor": 0} {
		found, err := bound.Bindings(t.Context(), w.As(name).ID)
		if err != nil || len(found) != want || want == 1 && (string(found[0].Project) == w.Values()["project"]) != (name == "project_user") {
			t.Errorf("%s is bound to %v: %v", name, found, err)
		}
	}
	if first := w.As("auditor"); first != w.As("auditor") {
		t.Error("somebody is another one when asked for again")
	}
	if names := w.Names(); !slices.Contains(names, iamtest.Half) || !slices.Contains(names, iamtest.Key) || names[0] != "root" {
		t.Errorf("there are %q", names)
	}
}

// A person asks as a browser does that has signed in, and the mails of a world are kept with their links.
func TestSomebodyIsInvitedAndComesIn(t *testing.T) {
	t.Parallel()
	w := iamtest.NewWorld(t, starting(nil))
	invitation := w.Host.Doors.Invite
	invitation.Body = `{"email":"nina@acme.example","roles":["auditor"],"profile":{"name":"Nina"},"password":"a first one for the new person"}`
	if got := w.As("administrator").Ask(invitation).StatusCode; got != http.StatusCreated {
		t.Fatalf("the administrator cannot invite: %d", got)
	}
	link := w.Link("nina@acme.example")
	if !strings.HasPrefix(link, base+"/activate?token=") {
		t.Fatalf("the link is %q", link)
	}
	if mails := w.Mails.To("nina@acme.example"); len(mails) != 1 || iamtest.LinkOf(mails[0]) != link || len(w.Mails.To("other@acme.example")) != 0 {
		t.Errorf("the mails are %d", len(mails))
	}
	r := must(http.NewRequestWithContext(t.Context(), "GET", link, nil))(t)
	if got := w.As(iamtest.Nobody).Do(r).StatusCode; got != http.StatusOK {
		t.Errorf("the page of the link: got %d", got)
	}
	w.Clock.Advance(time.Hour)
	if got := w.As(iamtest.Nobody).Do(must(http.NewRequestWithContext(t.Context(), "GET", link, nil))(t)).StatusCode; got != http.StatusGone {
		t.Errorf("the page of the link, an hour later: got %d", got)
	}
}

// A host that nobody could be signed in at is refused, and not attacked in vain.
func TestAHostThatCannotBeAskedIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *console, h *iamtest.Host){
		"no handler": func(_ *console, h *iamtest.Host) { h.Handler = nil },
		"no service": func(_ *console, h *iamtest.Host) { h.Service = nil },
		"no sign-in": func(_ *console, h *iamtest.Host) { h.SignIn = nil },
		"a second factor of everybody": func(c *console, h *iamtest.Host) {
			system := emqx.System()
			system.Rules.SecondFactor = iam.SecondFactorRequired
			h.Service = must(iam.New(c.svc.Store(), system, iam.Config{}))(t)
		},
		"no door": func(_ *console, h *iamtest.Host) { h.Doors.SignIn = iamtest.Route{} },
	} {
		if got := recorded(t, func(tb testing.TB) { iamtest.NewWorld(tb, starting(change)) }); !got.Failed() {
			t.Errorf("%s: the host is taken", name)
		}
	}
}
