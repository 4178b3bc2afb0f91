package iam

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// MailServerParams describe an organisation's own mail server (D3). Package iam/smtp says what a server can be, and
// tries it.
type MailServerParams struct {
	Host string
	Port int
	// Security is "tls", "starttls" or "plain".
	Security string
	// Username is for signing in at the server. Defaults to not signing in.
	Username string
	// Password goes with Username. Defaults to the stored one, while Host, Port and Username stay the same: nobody gets a
	// stored password by sending it to a server of their choice (SB-96).
	Password Secret
	// From is whom the mails come from: an address, or a name with one.
	From string
}

// MailServerSettings are an organisation's own mail server, as people see it: the password stays where it is (SB-70).
type MailServerSettings struct {
	Host        string
	Port        int
	Security    string
	Username    string
	PasswordSet bool
	From        string
	Updated     time.Time
}

// mailServerUse is the use for which [Keys] seal the password of an organisation's mail server.
func mailServerUse(org policy.OrgID) string { return "mail_server/" + string(org) }

// MailServer returns the organisation's own mail server, and ErrNotFound when it has none (D3).
func (a Actor) MailServer(ctx context.Context) (MailServerSettings, error) {
	if err := a.read(ctx, a.rules().Permissions.ReadMailServer); err != nil {
		return MailServerSettings{}, err
	}
	server, err := a.svc.store.MailServer(ctx, a.org)
	if err != nil {
		return MailServerSettings{}, err
	}
	return server.settings(), nil
}

func (s MailServer) settings() MailServerSettings {
	return MailServerSettings{
		Host: s.Host, Port: s.Port, Security: s.Security, Username: s.Username, PasswordSet: s.Password != "",
		From: s.From, Updated: s.Updated,
	}
}

// SetMailServer replaces the organisation's own mail server (D3). The password is sealed with Config.Keys: without
// keys a server that needs none can be set. It is not tried here.
func (a Actor) SetMailServer(ctx context.Context, params MailServerParams) (MailServerSettings, error) {
	need := a.rules().Permissions.EditMailServer
	var server MailServer
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		server, err = c.setMailServer(params)
		return err
	})
	if err != nil {
		return MailServerSettings{}, err
	}
	return server.settings(), nil
}

func (c *change) setMailServer(params MailServerParams) (MailServer, error) {
	server, err := params.server(c.system.Rules.UnicodeEmail)
	if err != nil {
		return MailServer{}, err
	}
	before, err := orNone(c.tx.MailServer(c.ctx, c.org))
	if err != nil {
		return MailServer{}, err
	}
	password := changed("password", "", "")
	switch same := server.Host == before.Host && server.Port == before.Port && server.Username == before.Username; {
	case server.Username == "":
	case !params.Password.IsZero():
		if server.Password, err = c.svc.config.Keys.Seal(c.svc.config.Rand, mailServerUse(c.org), params.Password.Reveal()); err != nil {
			return MailServer{}, err
		}
		password = changed("password", isSet(before), "replaced")
	case same && before.Password != "":
		server.Password = before.Password
	default:
		return MailServer{}, invalid("Password", "want the password of the user name: a stored one is for the same host, port and user name alone")
	}
	changes := differences(append(serverChanges(before, server), password)...)
	if len(changes) == 0 {
		return before, nil
	}
	server.Updated = c.now
	if err := c.tx.PutMailServer(c.ctx, server); err != nil {
		return MailServer{}, err
	}
	return server, c.record(MailServerChanged, string(c.org), changes...)
}

// RemoveMailServer removes the organisation's own mail server with its password. It is ErrNotFound when there is none.
func (a Actor) RemoveMailServer(ctx context.Context) error {
	need := a.rules().Permissions.EditMailServer
	return a.write(ctx, need, a.orgWide(need), func(c *change) error {
		before, err := c.tx.MailServer(c.ctx, c.org)
		if err != nil {
			return err
		}
		if err := c.tx.DeleteMailServer(c.ctx); err != nil {
			return err
		}
		changes := append(serverChanges(before, MailServer{}), changed("password", isSet(before), ""))
		return c.record(MailServerChanged, string(c.org), differences(changes...)...)
	})
}

// serverChanges are what an event says of a change, but for the password (SB-82).
func serverChanges(before, after MailServer) []FieldChange {
	return []FieldChange{
		changed("host", before.Host, after.Host), changed("port", portText(before.Port), portText(after.Port)),
		changed("security", before.Security, after.Security), changed("username", before.Username, after.Username),
		changed("from", before.From, after.From),
	}
}

func portText(port int) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(port)
}

// isSet says in an event that there is a password.
func isSet(s MailServer) string {
	if s.Password == "" {
		return ""
	}
	return "set"
}

// maxServerPassword is in bytes: sealed, it fits its column in every database.
const maxServerPassword = 512

// server checks the parameters, as far as they can be stored and compared, and makes a server of them.
func (p MailServerParams) server(unicode bool) (MailServer, error) {
	password := p.Password.Reveal()
	switch {
	case !isHost(p.Host):
		return MailServer{}, invalid("Host", "want a name such as mail.example.com, or an IP address")
	case p.Port < 1 || p.Port > 65535:
		return MailServer{}, invalid("Port", "want 1 to 65535, not %d", p.Port)
	case p.Security != "tls" && p.Security != "starttls" && p.Security != "plain":
		return MailServer{}, invalid("Security", `want "tls", "starttls" or "plain"`)
	case p.Username == "" && password != "":
		return MailServer{}, invalid("Username", "want the one that the password is of")
	case p.Username != "" && p.Security == "plain":
		return MailServer{}, invalid("Security", `a password is never sent without encryption: want "tls" or "starttls"`)
	case len(password) > maxServerPassword:
		return MailServer{}, invalid("Password", "the password has %d bytes: at most %d", len(password), maxServerPassword)
	case strings.ContainsAny(password, "\r\n\x00"):
		return MailServer{}, invalid("Password", "a line break or a NUL is in it")
	}
	if p.Username != "" {
		if err := checkID("Username", p.Username); err != nil {
			return MailServer{}, err
		}
	}
	if err := checkSender(p.From, unicode); err != nil {
		return MailServer{}, err
	}
	return MailServer{Host: asciiLower(p.Host), Port: p.Port, Security: p.Security, Username: p.Username, From: p.From}, nil
}

// checkSender refuses what is neither an address nor a name with one.
func checkSender(from string, unicode bool) error {
	if err := checkID("From", from); err != nil { // one line that can be stored
		return err
	}
	address := from
	if open := strings.LastIndexByte(from, '<'); open >= 0 && strings.HasSuffix(from, ">") {
		address = from[open+1 : len(from)-1]
	}
	if _, err := parseEmail(address, unicode); err != nil {
		return invalid("From", "want an address, or a name with one: Acme <no-reply@acme.example>")
	}
	return nil
}

// isHost accepts what can be a name or an IP address. Whether it is one, the DNS says.
func isHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == "" // which is any text
	}
	odd := func(r rune) bool { return !strings.ContainsRune(letters+digits+"-._", r) }
	return s != "" && len(s) <= 253 && strings.Trim(s, ".-") == s && !strings.Contains(s, "..") && !strings.ContainsFunc(s, odd)
}
