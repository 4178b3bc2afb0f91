package iam

import "context"

// The templates of the mails that package iam queues. Package iam/outbox has their texts.
const (
	MailInvitation      = "invitation"
	MailReset           = "reset"
	MailEmailChangeOld  = "email_change_old"
	MailEmailChangeNew  = "email_change_new"
	MailEmailChanged    = "email_changed"
	MailRootOffer       = "root_offer"
	MailRootTransferred = "root_transferred"
)

// linkMails are the templates of mails whose links let somebody in, or change how.
var linkMails = []string{MailReset, MailEmailChangeOld, MailEmailChangeNew}

// mail queues a mail to an account's address, and does nothing when it has none.
func (c *change) mail(to Account, template string, data MailData) error {
	return c.queue(Mail{Account: to.ID, To: to.Email, Template: template, Data: data})
}

// queue completes a mail and queues it.
func (c *change) queue(m Mail) error {
	if m.To == "" {
		return nil
	}
	if m.ID == "" {
		id, err := c.svc.ids.next(c.now)
		if err != nil {
			return err
		}
		m.ID = MailID(id)
	}
	m.Org, m.By, m.Created, m.Next, m.State = c.org, c.sub.ID(), c.now, c.now, MailQueued
	return c.tx.InsertMail(c.ctx, m)
}

// Mails returns a page of what the organisation's outbox holds, the newest first, to who may manage
// accounts.
func (a Actor) Mails(ctx context.Context, q MailQuery) ([]Mail, error) {
	if err := a.read(ctx, a.rules().Permissions.ManageAccounts); err != nil {
		return nil, err
	}
	return a.svc.store.Mails(ctx, a.org, q)
}
