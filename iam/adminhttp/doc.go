// Package adminhttp is the API of an organisation's console: accounts, invitations, bindings, grants, what accounts hold
// and their quotas, API keys, the audit log and the rest of what an [iam.Actor] does, as JSON over HTTP.
//
//	admin, err := adminhttp.New(svc, guard, adminhttp.Config{Prefix: "/iam/v1", SignIn: in, TestMailServer: out.TestMailServer})
//	mux.Handle("/iam/v1/", guard.Load(admin))
//
// Each route calls one method for whoever the guard has loaded: who may do what is decided there, and by nothing
// else. GET /iam/v1/openapi.json describes all of it as OpenAPI 3.1, made of the same table and the same structs as the
// handlers. A session with it:
//
//	$ curl -s https://console.example.com/iam/v1/accounts?keyword=ann\&limit=1 -H "Authorization: Bearer $TOKEN"
//	{"accounts":[{"id":"0198…","root":false,"status":"active","roles":["auditor"],"email":"ann@example.com",…}],"next":"q1Zd…"}
//
//	$ curl -s https://console.example.com/iam/v1/invitations -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \
//	    -d '{"email":"bob@example.com","roles":["project_user"],"bindings":[{"role":"project_user","project":"p1"}]}'
//	{"invitation":{"account":"0198…","email":"bob@example.com","state":"open",…},"warnings":[]}
//
//	$ curl -s https://console.example.com/iam/v1/accounts/0198…/roles -X PUT -H "Authorization: Bearer $TOKEN" \
//	    -H "Content-Type: application/json" -d '{"role":"root"}'
//	{"type":"about:blank","title":"Bad Request","status":400,"detail":"unknown field","field":"role"}
//
// A request says what it means, or is refused: members and parameters that are not declared, that are there twice or
// are null, are a 400 that names the field; so is a cursor that was not handed out for the same list. A body has at most
// 64 KiB, and an imported list 8 MiB. What the method refuses is answered as package iamhttp does, with 404 for
// whatever lies in another organisation. Pages of other origins change nothing (SB-45).
//
// No answer has a hash, a token or a password in it (SB-70), but the link of an invitation and the secret of an API key
// in the answer to who asked for one. Lists are read in pages, in an order that does not change, so that nothing is missed or seen twice.
package adminhttp
