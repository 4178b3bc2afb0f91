package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// hint says what a person should do about a failure. It goes by the stage, the code and the type of
// the cause: servers word their texts as they like.
func hint(e *StageError, server Server) string {
	switch {
	case e.Stage == StageSettings:
		return "Correct this field of the settings."
	case errors.Is(e.Err, context.Canceled):
		return "The test was called off."
	case e.Stage == StageDNS:
		return hintDNS(e.Err, server)
	case e.Stage == StageTCP:
		return hintTCP(e.Err, server)
	case isTimeout(e.Err):
		return hintSilence(e.Stage, server)
	case e.Stage == StageTLS:
		return hintTLS(e.Err, server)
	case e.Code != 0 && !errors.Is(e.Err, errNotSMTP):
		return hintReply(e, server)
	}
	return hintBroken(e, server)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

func hintDNS(err error, server Server) string {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return fmt.Sprintf("No server has the name %s: check its spelling.", server.Host)
	}
	return "The name could not be looked up: check the network and the resolver of this machine, and try again."
}

func hintTCP(err error, server Server) string {
	port := server.port()
	switch {
	case errors.Is(err, errNotAllowed):
		return "Connections to this address are not allowed here: use a mail server with a public address."
	case isTimeout(err):
		return fmt.Sprintf("Nothing answers on port %d: a firewall may block it, as many providers do with port 25. Try 587 or 465.", port)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("The machine is there, but nothing listens on port %d: check the port. Usual are 587 with STARTTLS and 465 with TLS.", port)
	default:
		return "There is no way to this address: check the network of this machine, and its firewall."
	}
}

// hintSilence is for a server that says nothing until the time is over.
func hintSilence(stage StageName, server Server) string {
	switch {
	case stage == StageGreeting && server.security() != TLS:
		return fmt.Sprintf("The server waits for us to speak: port %d may expect TLS from the first byte. Try security %q with port 465.", server.port(), TLS)
	case stage == StageTLS && server.security() == TLS:
		return fmt.Sprintf("The server does not answer TLS: port %d may expect STARTTLS. Try security %q with port 587.", server.port(), StartTLS)
	case stage == StageData:
		return "The server took the text and gave no answer in time: it may be examining the message. Try again, or allow a longer time."
	default:
		return "The server stopped answering: it may be overloaded, or a firewall between here and it may cut the connection. Try again later."
	}
}

func hintTLS(err error, server Server) string {
	var plain tls.RecordHeaderError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var authority x509.UnknownAuthorityError
	var remote *net.OpError
	switch {
	case errors.As(err, &plain):
		return fmt.Sprintf("Port %d does not speak TLS: try security %q with port 587.", server.port(), StartTLS)
	case errors.As(err, &name):
		return fmt.Sprintf("The certificate is for %s, and not for %s: put a name that it is for into Host.", names(name.Certificate), server.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return hintDates(invalid.Cert)
	case errors.As(err, &authority):
		return hintAuthority(authority.Cert, err)
	case errors.As(err, &remote) && remote.Op == "remote error": // an alert
		return "The server broke TLS off: it may know no version from 1.2 on, or ask for a certificate of this program."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "The server closed the connection when TLS began: check that the port and the security go together."
	default:
		return "The connection cannot be encrypted safely: ask who runs the server to check its certificate and its TLS versions."
	}
}

func hintDates(cert *x509.Certificate) string {
	return fmt.Sprintf("The certificate holds from %s to %s only: it has to be renewed on the server. If it does hold, check the clock of this machine.",
		cert.NotBefore.UTC().Format("2006-01-02 15:04"), cert.NotAfter.UTC().Format("2006-01-02 15:04"))
}

// hintAuthority tells a certificate that vouches for itself from one whose authority nobody knows here.
func hintAuthority(cert *x509.Certificate, err error) string {
	var failed *tls.CertificateVerificationError
	if errors.As(err, &failed) && len(failed.UnverifiedCertificates) > 0 {
		cert = failed.UnverifiedCertificates[0]
	}
	if string(cert.RawIssuer) == string(cert.RawSubject) {
		return "The certificate is self-signed: give that certificate as a trusted authority, or have the server use one of a public authority."
	}
	return fmt.Sprintf("The authority %q is not trusted here: give its certificate as a trusted authority. If it is a public one, the server leaves out its intermediate certificate.",
		cert.Issuer.String())
}

// hintBroken is for what is no answer: another protocol, a closed connection, a missing extension.
func hintBroken(e *StageError, server Server) string {
	switch {
	case errors.Is(e.Err, errNoTLS):
		return fmt.Sprintf("Nothing is sent without encryption. Try security %q with port 465.", TLS)
	case errors.Is(e.Err, errUnasked):
		return "Somebody between here and the server may be tampering with the connection: nothing was sent."
	case errors.Is(e.Err, errNoAuth):
		return "This server takes no passwords: leave out Username and Password, or use its port for sending (587 or 465)."
	case errors.Is(e.Err, errMechanism):
		return "Ask who runs the server to allow AUTH PLAIN or AUTH LOGIN within TLS; some want an app password for it."
	case errors.Is(e.Err, errNoUTF8):
		return "This server delivers to and from addresses in ASCII alone: use another address, or a server that knows SMTPUTF8."
	case errors.Is(e.Err, errNotSMTP):
		return fmt.Sprintf("Port %d of %s is not one of a mail server, or it is broken: check the host and the port.", server.port(), server.Host)
	case e.Stage == StageGreeting && server.security() != TLS:
		return fmt.Sprintf("The server hung up at once: it may not take connections from this machine, or expect TLS from the first byte (security %q with port 465).", TLS)
	default:
		return "The connection broke: the server may not take connections from this machine, or have a fault. Its log says more."
	}
}

// hintReply is for a refusal with a code.
func hintReply(e *StageError, server Server) string {
	switch e.Code {
	case codeAuthRequired, codeEncryptionRequired:
		if server.security() == Plain {
			return fmt.Sprintf("The server wants TLS and a password first: try security %q with port 587, and set Username and Password.", StartTLS)
		}
		if server.Username == "" {
			return "The server wants a password first: set Username and Password."
		}
		return "The server wants another way of signing in: an app password, or one that its administrator allows."
	case codeMechanismTooWeak, codeBadCredentials:
		return "The username or the password is wrong. Gmail, Microsoft, Yahoo and others want an app password in place of the account's own."
	}
	if e.Code < 500 {
		return hintLater(e.Stage)
	}
	switch e.Stage {
	case StageGreeting:
		return "The server takes no connections from this machine: it may be on a block list, or have to be let in by who runs the server."
	case StageEHLO, StageEHLOTLS:
		return fmt.Sprintf("The server does not like to be greeted by %s: set HELO to the full name of this machine.", server.helo())
	case StageStartTLS:
		return fmt.Sprintf("The server offers STARTTLS and refuses it. Try security %q with port 465.", TLS)
	case StageAuth:
		return "The server refuses to sign this user in: the account may be locked, or not be allowed to send."
	case StageMailFrom:
		return "The server does not let this user send from this address: From has to be an address that the account owns."
	case StageRcptTo:
		return hintRecipient(e, server)
	default:
		return "The server refused the message itself: its size, its content, or a From that SPF, DKIM or DMARC do not cover. The reply says which."
	}
}

// hintRecipient tells relaying from an unknown mailbox by the enhanced code (RFC 3463), if there is one.
func hintRecipient(e *StageError, server Server) string {
	_, text, _ := strings.Cut(e.Reply, " ")
	switch {
	case strings.HasPrefix(text, "5.1."):
		return "The server does not know this recipient: check the address."
	case server.Username == "":
		return "The server does not pass on mail to this recipient for everybody (relaying): set Username and Password, or check the address."
	default:
		return "The server does not pass on mail to this recipient (relaying), or does not know it: check the address, and that the account may send to others."
	}
}

func hintLater(stage StageName) string {
	switch stage {
	case StageRcptTo, StageMailFrom:
		return "Not now: the server may be greylisting, which passes when one tries again after some minutes, or a quota is used up."
	case StageAuth:
		return "The server cannot check passwords now, or there were too many attempts: try again later."
	default:
		return "The server has a passing problem, or too many connections from here: try again later."
	}
}
