package main

import (
	"context"
	"net/netip"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

// E18: root and administrators make keys, with the permissions and the projects that they name, and auditors
// see them. A key does what its account may at that moment, and no more.
func (s *story) apiKey() error {
	ada, otto, err := s.both("Ada", "Otto")
	if err != nil {
		return err
	}
	params := iam.APIKeyParams{Description: "nightly restart", Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView, emqx.DeploymentStartStop},
		Projects:    []policy.ProjectID{plant},
	}}
	key, secret, err := ada.CreateAPIKey(s.ctx, params)
	if err != nil {
		return err
	}
	s.ids["the key"] = policy.AccountID(key.ID) // for what is printed
	s.say("Ada makes a key for the %s: %s", key.Description, key.Scope.Permissions)
	_, _, err = otto.CreateAPIKey(s.ctx, params)
	if err := s.refused("Otto makes one", err); err != nil {
		return err
	}
	keys, err := otto.APIKeys(s.ctx, iam.APIKeyQuery{})
	if err != nil {
		return err
	}
	s.say("Otto sees %d, of %s: %s", len(keys), s.named(string(keys[0].Account)), keys[0].Description)
	if err := s.useKey(secret); err != nil {
		return err
	}
	if err := s.widen(secret); err != nil {
		return err
	}
	if err := s.demote(secret); err != nil {
		return err
	}
	return s.endKey(ada, key.ID, secret)
}

// useKey prints what a program may that presents the key.
func (s *story) useKey(secret iam.Secret) error {
	sub, _, err := s.in.Key(s.program(), secret)
	if err != nil {
		return err
	}
	press, testbed := emqx.Deployment.In(acme, plant).Named("press"), emqx.Deployment.In(acme, lab).Named("testbed")
	s.say("the program: views the press %v, restarts it %v, deletes it %v, views the lab's testbed %v",
		s.svc.Can(sub, emqx.View, press), s.svc.Can(sub, emqx.StartStop, press),
		s.svc.Can(sub, emqx.Delete, press), s.svc.Can(sub, emqx.View, testbed))
	return nil
}

// widen lets the program try to make a wider key of its key.
func (s *story) widen(secret iam.Secret) error {
	program := s.program()
	sub, _, err := s.in.Key(program, secret)
	if err != nil {
		return err
	}
	_, _, err = s.svc.As(sub).CreateAPIKey(program, iam.APIKeyParams{Scope: policy.Scope{
		Permissions: []policy.Permission{emqx.DeploymentView}, AllProjects: true,
	}})
	return s.refused("the program makes itself a wider key", err)
}

// program is the context of requests that come from another address.
func (s *story) program() context.Context {
	return iam.WithOrigin(s.ctx, iam.Origin{Peer: netip.MustParseAddr("198.51.100.23")})
}

// demote makes a project user of Ada for a while: her key is narrower at once.
func (s *story) demote(secret iam.Secret) error {
	rosa, err := s.as("Rosa")
	if err != nil {
		return err
	}
	if _, _, err := rosa.SetRoles(s.ctx, s.ids["Ada"], emqx.ProjectUser); err != nil {
		return err
	}
	if err := rosa.Bind(s.ctx, iam.Binding{Account: s.ids["Ada"], Role: emqx.ProjectUser, Project: plant}); err != nil {
		return err
	}
	s.say("Ada is a project user of the plant now")
	if err := s.useKey(secret); err != nil {
		return err
	}
	_, _, err = rosa.SetRoles(s.ctx, s.ids["Ada"], emqx.Administrator)
	return err
}

// endKey shows the keys that are none: a wrong secret, and a key that was deleted. Package iamhttp answers both with 401.
func (s *story) endKey(ada iam.Actor, id iam.APIKeyID, secret iam.Secret) error {
	guess, err := iam.NewToken(s.svc.Rand())
	if err != nil {
		return err
	}
	_, _, err = s.in.Key(s.program(), iam.NewSecret(string(id)+"."+guess.Reveal()))
	if err := s.refused("a key with another secret", err); err != nil {
		return err
	}
	if err := ada.DeleteAPIKey(s.ctx, id); err != nil {
		return err
	}
	_, _, err = s.in.Key(s.program(), secret)
	return s.refused("the key after Ada has deleted it", err)
}
