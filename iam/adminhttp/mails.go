package adminhttp

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func mailRoutes() []route {
	return []route{operation("GET", "/mails", "listMails", "List what the outbox holds, the newest first", listMails)}
}

// mail is a line of the outbox, without what it says: a link is in no stored mail (SB-98).
type mail struct {
	ID       iam.MailID       `json:"id"`
	Account  policy.AccountID `json:"account,omitempty"`
	To       iam.Email        `json:"to"`
	Template string           `json:"template"`
	By       policy.AccountID `json:"by,omitempty"`
	Created  time.Time        `json:"created"`
	Expires  time.Time        `json:"expires,omitzero"`
	State    iam.MailState    `json:"state" enum:"queued,deferred,sent,bounced,expired,dropped"`
	Tries    int              `json:"tries"`
	Next     time.Time        `json:"next_try,omitzero" doc:"When it is tried again at the earliest."`
	Reply    string           `json:"reply,omitempty" doc:"What the mail server said last."`
	Ended    time.Time        `json:"ended,omitzero"`
}

type mailQuery struct {
	page
	Account policy.AccountID `query:"account" max:"255"`
	State   iam.MailState    `query:"state" enum:"queued,deferred,sent,bounced,expired,dropped"`
}

type mailList struct {
	Mails []mail `json:"mails"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page. Absent on the last one."`
}

func showMail(m iam.Mail) mail {
	return mail{
		ID: m.ID, Account: m.Account, To: m.To, Template: m.Template, By: m.By, Created: m.Created.UTC(), Expires: utc(m.Expires),
		State: m.State, Tries: m.Tries, Next: utc(m.Next), Reply: m.Reply, Ended: utc(m.Ended),
	}
}

func listMails(c *call, in mailQuery) (mailList, error) {
	before, err := c.after(in.page)
	if err != nil {
		return mailList{}, err
	}
	found, err := c.actor.Mails(c.r.Context(), iam.MailQuery{
		Account: in.Account, State: in.State, Before: iam.MailID(before), Limit: in.size() + 1,
	})
	if err != nil {
		return mailList{}, err
	}
	found, next := cut(c, in.page, found, func(m iam.Mail) string { return string(m.ID) })
	return mailList{list(found, showMail), next}, nil
}
