package crash_test

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
)

// alone are the acts that one hand does where no other does the same: there is one root, and one mail server.
var alone = map[string]act{
	"Activate": onSomeone(func(p *person) bool { return p.invited }, iam.AccountActivated, "", func(ctx context.Context, h *hand, a iam.Actor, _ *call, p *person) (facts, error) {
		account, err := a.Activate(ctx, p.id)
		if err == nil {
			p.status, p.invited = account.Status, false
		}
		return facts{aboutAccount(p, "status"): "active"}, err
	}),
}
