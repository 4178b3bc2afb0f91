// Package iamhttp guards net/http handlers: it loads who asks, asks the policy about the resource of
// the request, and answers a refusal with the right status.
//
// Most hosts need four calls: [New] with their own sign-in, [Guard.Load] around what needs an
// account, [RequireItem] for each handler, which gets the row that was loaded to decide, and
// [RequireReach] for each list, which gets what to narrow it to:
//
//	guard := iamhttp.New(svc, session.Account, iamhttp.Config{})
//	mux.Handle("POST /deployments/{id}/stop", iamhttp.RequireItem(guard, emqx.DeploymentStartStop, deployments.Load,
//		func(w http.ResponseWriter, r *http.Request, d *Deployment) error {
//			return d.Stop(r.Context())
//		}))
//	mux.Handle("GET /deployments", iamhttp.RequireReach(guard, emqx.DeploymentList,
//		func(w http.ResponseWriter, r *http.Request, reach policy.Reach) error {
//			return deployments.List(r.Context(), w, reach)
//		}))
//	http.ListenAndServe(addr, guard.Load(mux))
//
// [RequireIn] guards what makes something in a place that is loaded, and [Guard.RequireOrg] what is
// about the whole organisation. A handler returns its error, of whatever layer; a [StatusError] is
// one with an answer of the host's choice.
//
// What is refused is answered as application/problem+json (RFC 9457). The body says nothing but the
// status, and what was wrong with the caller's own input; the log record says everything: see
// [Guard.Error]. What a subject may not see is answered byte for byte as what does not exist (SB-67).
package iamhttp
