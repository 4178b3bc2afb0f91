package iamhttp

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// auditTimeout bounds how long an answer waits for the audit log.
const auditTimeout = 5 * time.Second

// audit records a refusal of the policy in the audit log of the organisation of whoever asks. A client that
// hangs up does not keep it from that.
func (g *Guard) audit(r *http.Request, requestID string, err error) {
	if g.config.LogOnly {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTimeout)
	defer cancel()
	if err := g.svc.RecordDenial(ctx, iam.FromContext(ctx), err); err != nil {
		var rec record
		rec.add("request_id", requestID)
		g.logger().LogAttrs(ctx, slog.LevelError, "iamhttp: the refusal is not in the audit log", append(rec, slog.Any("error", err))...)
	}
}
