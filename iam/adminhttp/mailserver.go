package adminhttp

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

func serverRoutes() []route {
	return []route{
		operation("GET", "/mail-server", "getMailServer", "Get the organization's own mail server, without its password", getMailServer),
		operation("PUT", "/mail-server", "setMailServer", "Replace the organization's own mail server; it is not tried", setMailServer).also(http.StatusNotImplemented),
		operation("DELETE", "/mail-server", "removeMailServer", "Remove the organization's own mail server with its password", removeMailServer),
		operation("POST", "/mail-server/test", "testMailServer", "Test the organization's own mail server with a mail to whoever asks", testMailServer).
			also(http.StatusTooManyRequests, http.StatusNotImplemented).
			where(func(c Config) bool { return c.TestMailServer != nil }),
	}
}

type mailServer struct {
	Host        string    `json:"host"`
	Port        int       `json:"port"`
	Security    string    `json:"security" enum:"tls,starttls,plain"`
	Username    string    `json:"username,omitempty"`
	PasswordSet bool      `json:"password_set"`
	From        string    `json:"from"`
	Updated     time.Time `json:"updated"`
}

type mailServerUpdate struct {
	Body struct {
		Host     string     `json:"host" max:"1024"`
		Port     int        `json:"port" min:"1" max:"65535"`
		Security string     `json:"security" enum:"tls,starttls,plain"`
		Username string     `json:"username,omitempty" max:"1024"`
		Password iam.Secret `json:"password,omitzero" doc:"Defaults to the stored one, while host, port and username stay the same."`
		From     string     `json:"from" max:"1024" doc:"An address, or a name with one."`
	} `body:"application/json"`
}

// mailServerReport is the conversation with the server, stage by stage.
type mailServerReport struct {
	OK     bool              `json:"ok"`
	Stages []mailServerStage `json:"stages"`
}

type mailServerStage struct {
	Stage  smtp.StageName `json:"stage"`
	Status smtp.Status    `json:"status"`
	Reply  string         `json:"reply,omitempty" doc:"What the server answered, or whom it was reached at."`
	Hint   string         `json:"hint,omitempty" doc:"What would probably help."`
}

func showMailServer(s iam.MailServerSettings) mailServer {
	return mailServer{
		Host: s.Host, Port: s.Port, Security: s.Security, Username: s.Username, PasswordSet: s.PasswordSet, From: s.From,
		Updated: s.Updated.UTC(),
	}
}

func getMailServer(c *call, _ none) (mailServer, error) {
	s, err := c.actor.MailServer(c.r.Context())
	return showMailServer(s), err
}

func setMailServer(c *call, in mailServerUpdate) (mailServer, error) {
	b := in.Body
	s, err := c.actor.SetMailServer(c.r.Context(), iam.MailServerParams{
		Host: b.Host, Port: b.Port, Security: b.Security, Username: b.Username, Password: b.Password, From: b.From,
	})
	return showMailServer(s), err
}

func removeMailServer(c *call, _ none) (none, error) {
	return none{}, c.actor.RemoveMailServer(c.r.Context())
}

func testMailServer(c *call, _ none) (mailServerReport, error) {
	report, err := c.config.TestMailServer(c.r.Context(), c.actor)
	if err != nil {
		return mailServerReport{}, err
	}
	return mailServerReport{OK: report.OK(), Stages: list(report.Stages, func(s smtp.Stage) mailServerStage {
		return mailServerStage{Stage: s.Name, Status: s.Status, Reply: s.Reply, Hint: s.Hint}
	})}, nil
}
