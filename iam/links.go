package iam

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/castellan-iam/castellan/policy"
)

// Paths are where the host serves the pages that mails lead to, below Config.BaseURL. A link has
// its token as the parameter token.
type Paths struct {
	// Activate is where an invitation is accepted. Defaults to "/activate".
	Activate string
	// Reset is where a forgotten password is replaced. Defaults to "/reset".
	Reset string
	// ConfirmEmail is where an address is confirmed. Defaults to "/confirm-email".
	ConfirmEmail string
	// Login is where sub-accounts sign in; {org} stands for their organisation's id (E10). Defaults to "/o/{org}/login".
	Login string
	// RootLogin is where root accounts sign in. Defaults to "/login".
	RootLogin string
}

// links are the addresses in mails: built from the configured base URL, never from a request (SB-94).
type links struct {
	base  *url.URL // nil when there is none
	paths Paths
}

func newLinks(base string, paths Paths) (links, error) {
	for _, p := range []struct {
		field    string
		path     *string
		fallback string
	}{
		{"Activate", &paths.Activate, "/activate"}, {"Reset", &paths.Reset, "/reset"},
		{"ConfirmEmail", &paths.ConfirmEmail, "/confirm-email"}, {"Login", &paths.Login, "/o/{org}/login"},
		{"RootLogin", &paths.RootLogin, "/login"},
	} {
		if *p.path == "" {
			*p.path = p.fallback
		}
		if !strings.HasPrefix(*p.path, "/") || strings.HasPrefix(*p.path, "//") || strings.ContainsAny(*p.path, "?#\\ \r\n") {
			return links{}, fmt.Errorf("iam: Config.Paths.%s: want a path such as %s", p.field, p.fallback)
		}
	}
	if base == "" {
		return links{paths: paths}, nil
	}
	u, err := url.Parse(base)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return links{}, fmt.Errorf("iam: Config.BaseURL %.80q: want an address such as https://console.example.com", base)
	}
	return links{base: u, paths: paths}, nil
}

// configured refuses to send what no link could be made for.
func (l links) configured() error {
	if l.base == nil {
		return invalid("Config.BaseURL", "mails need it: the address under which people reach the host")
	}
	return nil
}

// to returns the address of a path below the base.
func (l links) to(path string) *url.URL { return l.base.JoinPath(path) }

// Link returns the address that a token of the purpose is mailed with. It is an error without
// Config.BaseURL.
func (s *Service) Link(purpose TokenPurpose, token Token) (Secret, error) {
	if err := s.links.configured(); err != nil {
		return Secret{}, err
	}
	var path string
	switch purpose {
	case ForInvitation:
		path = s.links.paths.Activate
	case ForReset:
		path = s.links.paths.Reset
	case ForOldEmail, ForNewEmail:
		path = s.links.paths.ConfirmEmail
	default:
		return Secret{}, invalid("Purpose", "there is no page for %q", purpose)
	}
	u := s.links.to(path)
	u.RawQuery = url.Values{"token": {token.Reveal()}}.Encode()
	return NewSecret(u.String()), nil
}

// LoginAddress returns where the sub-accounts of an organisation sign in (E10). It is an error
// without Config.BaseURL.
func (s *Service) LoginAddress(org policy.OrgID) (string, error) {
	if err := s.links.configured(); err != nil {
		return "", err
	}
	path := strings.ReplaceAll(s.links.paths.Login, "{org}", url.PathEscape(string(org)))
	return s.links.to(path).String(), nil
}

// RootLoginAddress returns where root accounts sign in (E10). It is an error without Config.BaseURL.
func (s *Service) RootLoginAddress() (string, error) {
	if err := s.links.configured(); err != nil {
		return "", err
	}
	return s.links.to(s.links.paths.RootLogin).String(), nil
}
