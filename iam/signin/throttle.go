package signin

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// The keys under which attempts are counted. An account has one for its password and its codes,
// whatever address was typed, and wherever (SB-30). An address without an account has one as well: the
// answers are the same.
func accountKey(id policy.AccountID) string { return "account/" + string(id) }

func addressKey(org policy.OrgID, address string) string {
	return "address/" + string(org) + "/" + address
}

// peerKey is where a request came from: an IPv4 address, or the network of an IPv6 address, whose
// other 64 bits its owner chooses (SB-32). It is "" when the host does not say.
func peerKey(ctx context.Context, purpose string) string {
	peer := iam.OriginOf(ctx).Peer
	if !peer.IsValid() {
		return ""
	}
	if peer.Is6() {
		if network, err := peer.Prefix(64); err == nil {
			return purpose + "/" + network.Masked().String()
		}
	}
	return purpose + "/" + peer.String()
}

// throttled makes an error of the time until which nothing is allowed.
func throttled(until time.Time, err error) error {
	if err == nil && !until.IsZero() {
		return &iam.ThrottledError{Until: until}
	}
	return err
}

// attempt counts a guess before it is made, so that of many at once no more are made than allowed.
func (s *Service) attempt(ctx context.Context, key string) error {
	if err := s.peerMay(ctx); err != nil {
		return err
	}
	return throttled(s.store.Attempt(ctx, key, s.config.AccountLimit, s.svc.Now()))
}

// peerMay refuses a peer that was wrong too often.
func (s *Service) peerMay(ctx context.Context) error {
	key := peerKey(ctx, "peer")
	if key == "" {
		return nil
	}
	return throttled(s.store.Blocked(ctx, key, s.config.PeerLimit, s.svc.Now()))
}

// wrong counts a guess that was wrong against its peer.
func (s *Service) wrong(ctx context.Context) error {
	key := peerKey(ctx, "peer")
	if key == "" {
		return nil
	}
	_, err := s.store.Attempt(ctx, key, s.config.PeerLimit, s.svc.Now())
	return err
}
