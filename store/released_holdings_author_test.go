package store_test

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// holdThings is about what versions 3 and 4 brought: quotas, who holds what, and API keys.
func (a *author) holdThings() {
	for _, q := range []struct {
		by, of string
		most   int
	}{{"dora", "sam", 20}, {"sam", "abe", 5}, {"abe", "bob", 1}} {
		_, err := a.as("hub", q.by).SetQuota(a.ctx(), a.ids[q.of], devicehub.Device, q.most)
		a.ok(err)
	}
	for _, id := range []string{"cam'1", "cam2", "cam3"} {
		_, err := a.as("hub", "abe").Claim(a.ctx(), devicehub.Device, id)
		a.ok(err)
	}
	_, err := a.as("hub", "abe").Share(a.ctx(), devicehub.Device, "cam'1", iam.ShareParams{
		To: a.ids["bob"], Permissions: []policy.Permission{devicehub.DeviceView}, Until: released.Add(1000 * time.Hour),
	})
	a.ok(err)
	_, err = a.as("hub", "sam").TakeManagement(a.ctx(), devicehub.Device, "cam2")
	a.ok(err)
	_, err = a.as("hub", "abe").Transfer(a.ctx(), devicehub.Device, "cam3", a.ids["bob"])
	a.ok(err)

	key := func(by string, params iam.APIKeyParams) iam.APIKey {
		a.Helper()
		k, secret, err := a.as("acme", by).CreateAPIKey(a.ctx(), params)
		a.ok(err)
		a.handles[by+" key"] = secret.Reveal()
		return k
	}
	key("adam", iam.APIKeyParams{Description: "short", Expires: a.now.Add(time.Minute), Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView}, AllProjects: true,
	}})
	a.now = a.now.Add(2 * time.Minute) // it ends
	gone := key("ada", iam.APIKeyParams{Description: "gone", Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView}, AllProjects: true,
	}})
	a.ok(a.as("acme", "ada").DeleteAPIKey(a.ctx(), gone.ID))
	key("ada", iam.APIKeyParams{Description: "all of it, \"read\"", Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView}, AllProjects: true,
	}})
	key("adam", iam.APIKeyParams{Description: "backup's", Expires: released.Add(1000 * time.Hour), Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView, emqx.DeploymentStartStop}, Projects: []policy.ProjectID{"p1", "p2"},
	}})
	_, _, err = a.in("acme").Key(a.ctx(), iam.NewSecret(a.handles["adam key"]))
	a.ok(err)
}
