package main

import (
	"go/token"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

func TestIdentifier(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"view":                    "View",
		"start_stop":              "StartStop",
		"deployment.tls":          "DeploymentTLS",
		"deployment.tls:manage":   "DeploymentTLSManage",
		"deployment.nat_gateway":  "DeploymentNATGateway",
		"data_hub.api_key:manage": "DataHubAPIKeyManage",
		"api_keys":                "APIKeys",
		"vpcs":                    "VPCs",
		"user_ids":                "UserIDs",
		"dns":                     "DNS",
		"identity":                "Identity",
		"byoc_sso.iot_url":        "BYOCSSOIOTURL",
		"https":                   "HTTPS",
		"tier_2":                  "Tier2",
		"s3.bucket":               "S3Bucket",
		"a__b_":                   "AB",
		"func":                    "Func",
	} {
		if got := identifier(name); got != want {
			t.Errorf("identifier(%q) = %s, want %s", name, got, want)
		}
	}
}

func FuzzIdentifier(f *testing.F) {
	for _, seed := range []string{"a", "a_1", "a.b", "x__", "type", "deployment.tls"} {
		f.Add(seed, "view")
	}
	f.Fuzz(func(t *testing.T, kind, action string) {
		name := kind + ":" + action
		if _, err := policy.ParsePermission(name); err != nil {
			t.Skip("no name that a policy accepts")
		}
		for _, one := range []string{kind, action, name} {
			if id := identifier(one); !token.IsIdentifier(id) || !token.IsExported(id) {
				t.Errorf("identifier(%q) = %q, which is no exported identifier", one, id)
			}
		}
	})
}
