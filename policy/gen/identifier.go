package main

import "strings"

// initialisms are written in capitals. The list is part of what hosts rely on: a new word in it
// renames their constants.
var initialisms = makeSet(`
	acl amqp api arn aws byoc ca cidr cpu crl csr csv db dns gcp gpu grpc guid html http https iam
	id imei io iot ip jdbc json jwt kms kpi lan ldap mac mfa mqtt nat nfs ocsp oidc os otp pki psk
	qos ram rpc saml scim sdk sftp sim sla smtp sms sql ssd ssh ssl sso tcp tls totp ttl udp ui uid
	uri url usb utc uuid vlan vm vpc vpn waf wan xml`)

func makeSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// identifier makes an exported Go identifier of a name that a policy accepts: data_hub.api_key:view
// is DataHubAPIKeyView.
func identifier(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '.' || r == ':' })
	var b strings.Builder
	for _, word := range words {
		b.WriteString(capitalize(word))
	}
	return b.String()
}

func capitalize(word string) string {
	if initialisms[word] {
		return strings.ToUpper(word)
	}
	if one, plural := strings.CutSuffix(word, "s"); plural && initialisms[one] {
		return strings.ToUpper(one) + "s" // IDs, VPCs
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
