package outbox

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// TestMailServer tests the own mail server of the actor's organisation, stage by stage, with a mail to
// the actor (D3). It takes the permission to do so, and is written down. An organisation without one is
// iam.ErrNotFound.
func (o *Outbox) TestMailServer(ctx context.Context, actor iam.Actor) (smtp.Report, error) {
	own, password, to, err := actor.TestMailServer(ctx)
	if err != nil {
		return smtp.Report{}, err
	}
	return smtp.Diagnose(ctx, serverOf(own, password), to, o.config.SMTP), nil
}
