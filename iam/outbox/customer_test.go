package outbox_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/castellan-iam/castellan/iam"
)

// issuer signs the certificates of customers' mail servers.
type issuer struct {
	roots *x509.CertPool
	cert  tls.Certificate
}

// authority is the one issuer that this process trusts as a system does: see TestMain.
var authority = sync.OnceValue(func() issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, self, self, key.Public(), key)
	if err != nil {
		panic(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return issuer{roots, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
})

const customerPassword = "c4nary-passw0rd-of-a-customer"

// customer is an organisation's own mail server (D3), with a certificate that systems trust.
type customer struct {
	port int

	mu    sync.Mutex
	mails []string // receivers
	conns int
}

func startCustomer(tb testing.TB) *customer {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c := &customer{port: listener.Addr().(*net.TCPAddr).Port}
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.conns++
		return &customerSession{customer: c}, nil
	}))
	server.Domain = "localhost"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{authority().cert}}
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return c
}

// params are the settings that the customer gives.
func (c *customer) params() iam.MailServerParams {
	return iam.MailServerParams{
		Host: "127.0.0.1", Port: c.port, Security: "starttls", Username: "customer", Password: iam.NewSecret(customerPassword),
		From: "no-reply@customer.example",
	}
}

// taken are the receivers of the mails, and how many connections there were.
func (c *customer) taken() (mails []string, conns int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.mails...), c.conns
}

type customerSession struct {
	customer *customer
	signed   bool
	to       string
}

func (s *customerSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *customerSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != "customer" || pass != customerPassword {
			return gosmtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *customerSession) Mail(string, *gosmtp.MailOptions) error {
	if !s.signed {
		return gosmtp.ErrAuthRequired
	}
	return nil
}

func (s *customerSession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *customerSession) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	s.customer.mu.Lock()
	defer s.customer.mu.Unlock()
	s.customer.mails = append(s.customer.mails, s.to)
	return nil
}

func (s *customerSession) Reset() {}

func (s *customerSession) Logout() error { return nil }

// anywhere allows what smtp.PublicOnly refuses, for tests have no public address.
func anywhere(string, int, netip.Addr) error { return nil }
