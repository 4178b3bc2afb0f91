package signinhttp_test

import (
	"context"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
)

// browser follows redirects, keeps cookies, and fills in the forms that it is shown.
type browser struct {
	testing.TB
	client *http.Client
	at     *url.URL
	page   string
}

// browse serves the host over TLS, on whatever port, as https://example.com.
func (w *world) browse() *browser {
	w.Helper()
	mux := http.NewServeMux()
	w.door.Mount(mux)
	mux.Handle("/console/", w.guarded())
	server := httptest.NewTLSServer(mux)
	w.Cleanup(server.Close)
	client := server.Client()
	transport := client.Transport.(*http.Transport)
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.Listener.Addr().String())
	}
	client.Jar = must(cookiejar.New(nil))(w)
	return &browser{TB: w, client: client}
}

func (b *browser) get(address string) *browser {
	b.Helper()
	r := must(http.NewRequestWithContext(b.Context(), http.MethodGet, address, nil))(b)
	b.do(r)
	return b
}

var (
	formTag  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)">(.*?)</form>`)
	inputTag = regexp.MustCompile(`<input [^>]*>`)
	linkTag  = regexp.MustCompile(`<a [^>]*href="([^"]*)"`)
	styleTag = regexp.MustCompile(`(?s)<style>.*</style>`)
	attr     = regexp.MustCompile(`([a-z]+)="([^"]*)"`)
)

// submit fills in the only form of the page, and sends it as a browser does.
func (b *browser) submit(pairs ...string) *browser {
	b.Helper()
	found := formTag.FindAllStringSubmatch(b.page, -1)
	if len(found) == 0 {
		b.Fatalf("%s shows no form: %s", b.at, b.page)
	}
	values := make(url.Values)
	for _, input := range inputTag.FindAllString(found[0][2], -1) {
		attrs := make(map[string]string)
		for _, a := range attr.FindAllStringSubmatch(input, -1) {
			attrs[a[1]] = html.UnescapeString(a[2])
		}
		if attrs["name"] != "" {
			values.Set(attrs["name"], attrs["value"])
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if _, there := values[pairs[i]]; !there {
			b.Fatalf("the form at %s has no field %s", b.at, pairs[i])
		}
		values.Set(pairs[i], pairs[i+1])
	}
	to := must(b.at.Parse(html.UnescapeString(found[0][1])))(b)
	r := must(http.NewRequestWithContext(b.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode())))(b)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Origin", "null") // which is what a page with Referrer-Policy: no-referrer sends
	b.do(r)
	return b
}

func (b *browser) do(r *http.Request) {
	b.Helper()
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	response := must(b.client.Do(r))(b)
	defer response.Body.Close()
	b.at, b.page = response.Request.URL, styleTag.ReplaceAllString(string(must(io.ReadAll(response.Body))(b)), "")
}

// follow goes where a link of the page leads that ends so.
func (b *browser) follow(end string) *browser {
	b.Helper()
	for _, found := range linkTag.FindAllStringSubmatch(b.page, -1) {
		if to := html.UnescapeString(found[1]); strings.HasSuffix(to, end) {
			return b.get(must(b.at.Parse(to))(b).String())
		}
	}
	b.Fatalf("%s has no link to %s: %s", b.at, end, b.page)
	return b
}

// shows wants the browser to be at a path, and to see the texts.
func (b *browser) shows(path string, texts ...string) {
	b.Helper()
	if b.at.Path != path {
		b.Fatalf("the browser is at %s, want %s: %s", b.at, path, b.page)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(b.page), text) {
			b.Errorf("%s does not show %q: %s", b.at, text, b.page)
		}
	}
}

// mailed sends what is queued as package iam/outbox does, and returns the link of the only mail that has one.
func (w *world) mailed() string {
	w.Helper()
	const lease = "the test's"
	var links []string
	for _, m := range must(w.svc.Store().LeaseMails(w.Context(), lease, w.svc.Now(), w.svc.Now().Add(time.Minute), 100))(w) {
		ready, err := w.svc.ReadyMail(w.Context(), m, lease)
		w.ok(err)
		if !ready.Link.IsZero() {
			links = append(links, ready.Link.Reveal())
		}
		m.State, m.Ended = iam.MailSent, w.svc.Now()
		must(w.svc.Store().EndMail(w.Context(), lease, m))(w)
	}
	if len(links) != 1 {
		w.Fatalf("%d mails with a link went out, want 1", len(links))
	}
	return links[0]
}

var secretTag = regexp.MustCompile(`the key is <code>([A-Z2-7]+)</code>`)
var codeTag = regexp.MustCompile(`<li>([0-9A-Z-]{19})</li>`)

// E8, E9, E10, SB-10, SB-52: from the invitation to the console and out again, by the pages alone.
func TestFromTheInvitationToTheConsole(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		system  iam.System
		creator bool // chooses the first password
	}{
		"EMQX":  {emqx.System(), true},
		"LANIT": {lanit.System(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.system, signinhttp.Config{Product: "Console", Next: []string{"/console/"}})
			rosa := w.organization("acme")
			w.ok(second(w.svc.System("test").In("acme").UpdateOrganization(t.Context(), iam.OrganizationParams{Name: "Acme <Works>", SecondFactor: iam.SecondFactorRequired})))
			root := w.svc.As(must(w.svc.Subject(t.Context(), rosa.id))(t))
			first, own := goodPassword(), goodPassword()
			params := iam.InviteParams{Email: "uma@acme.example", Roles: []policy.Role{w.lowest()}}
			var given iam.Secret
			if tt.creator {
				given = iam.NewSecret(first)
			}
			invitation, _, err := w.in.Invite(t.Context(), root, params, given)
			w.ok(err)
			uma := &person{world: w, org: "acme", id: invitation.Account, email: "uma@acme.example"}

			b := w.browse().get(w.mailed())
			b.shows("/activate", "Acme <Works>", "uma@acme.example")
			if tt.creator {
				b.submit("name", "Uma")
			} else {
				b.submit("name", "Uma", "password", "short")
				b.shows("/activate", "Password: has 5 of at least 8 characters", `value="Uma"`)
				b.submit("password", own)
			}
			b.shows("/activate", "The account of uma@acme.example can be used from now on")
			b.follow("/o/acme/login").shows("/o/acme/login", "Sign in")
			b.get(baseURL + "/o/acme/login?next=/console/projects?sort=name")

			b.submit("email", "uma@acme.example", "password", "wrong "+own)
			b.shows("/o/acme/login", "The address or the password is wrong.", `value="uma@acme.example"`)
			if tt.creator {
				b.submit("password", first)
				b.shows("/login/password", "Somebody else chose the password")
				b.submit("password", first)
				b.shows("/login/password", "Password: is the one that somebody else knows")
			}
			b.submit("password", own)
			b.shows("/login/enroll", "Set up a second factor")
			b.submit()
			b.shows("/login/enroll", "Scan the picture", "data:image/png;base64,", "otpauth://totp/")
			uma.secret = secretTag.FindStringSubmatch(b.page)[1]
			b.submit("code", "12345")
			b.shows("/login/enroll/confirm", "The code is wrong.", "The picture is shown once")
			b.submit("code", uma.code())
			b.shows("/login/enroll/confirm", "Recovery codes")
			codes := codeTag.FindAllStringSubmatch(b.page, -1)
			equal(t, "recovery codes", len(codes), 10)
			b.follow("/console/projects?sort=name")
			b.shows("/console/projects", string(uma.id))

			b.get(baseURL+"/account").shows("/account", "uma@acme.example")
			b.get(baseURL + "/logout").submit()
			b.shows("/o/acme/login", "Sign in")
			b.get(baseURL+"/account").shows("/account", "Please sign in")

			b.get(baseURL+"/o/acme/login?next=/account/sessions").submit("email", "uma@acme.example", "password", own)
			b.shows("/login/code", "Code of your authenticator")
			b.follow("/login/recovery?next=%2faccount%2fsessions").submit("code", strings.ToLower(codes[0][1]))
			b.shows("/account/sessions", "This browser")
			b.get(baseURL+"/account/second-factor").shows("/account/second-factor", "9 recovery codes left")

			// SB-05: after a while, the password is asked for once more.
			w.advance(16 * time.Minute)
			b.get(baseURL+"/account/email").submit("email", "uma@new.example")
			b.shows("/account/confirm", "once more")
			b.submit("password", own)
			b.shows("/account/email", "New e-mail address")
			b.submit("email", "uma@new.example")
			b.shows("/account/email", "Two messages are on their way")

			// The password is forgotten.
			fresh := goodPassword()
			b.get(baseURL + "/logout").submit()
			b.follow("/o/acme/login/forgot").submit("email", "uma@acme.example")
			b.shows("/o/acme/login/forgot", "If there is an account with this address")
			b.get(w.mailedTo("uma@acme.example", "/reset")).submit("password", fresh)
			b.shows("/login/code", "Code of your authenticator")
			b.submit("code", uma.code())
			b.shows("/account", "uma@acme.example")
			assertUnlogged(t, w, own, first, fresh, uma.secret, codes[0][1])
		})
	}
}

// mailedTo sends what is queued, and returns the only link of a path that went to an address.
func (w *world) mailedTo(to, path string) string {
	w.Helper()
	const lease = "the test's"
	var link string
	for _, m := range must(w.svc.Store().LeaseMails(w.Context(), lease, w.svc.Now(), w.svc.Now().Add(time.Minute), 100))(w) {
		ready, err := w.svc.ReadyMail(w.Context(), m, lease)
		w.ok(err)
		if string(ready.To) == to && strings.HasPrefix(ready.Link.Reveal(), baseURL+path+"?") {
			link = ready.Link.Reveal()
		}
	}
	if link == "" {
		w.Fatalf("no mail with a link to %s went to %s", path, to)
	}
	return link
}

// assertUnlogged wants none of the texts in the log (SB-22, SB-82).
func assertUnlogged(t *testing.T, w *world, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, w.logs)
		}
	}
}
