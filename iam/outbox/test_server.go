package outbox

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// TestMailServer tests the own mail server of the actor's organisation, stage by stage, with a mail to
// the actor (D3). It takes the permission to do so, is written down, and is iam.ErrThrottled after ten within an
// hour (SB-96). An organisation without one is iam.ErrNotFound. A server that fails is no error: the report says so.
func (o *Outbox) TestMailServer(ctx context.Context, actor iam.Actor) (smtp.Report, error) {
	own, password, to, err := actor.TestMailServer(ctx)
	if err != nil {
		return smtp.Report{}, err
	}
	return smtp.Diagnose(ctx, serverOf(own, password), to, o.config.SMTP), nil
}
