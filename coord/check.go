package coord

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
)

const (
	maxEpoch   = 1 << 62 // nobody gets there by ones, and beyond the last there is none
	maxNumber  = 1 << 30 // of protocol, rules and target
	maxHost    = 253     // bytes, the longest name of DNS
	maxBoot    = 128     // bytes
	maxTimeout = 24 * time.Hour
	hostLetter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%"
)

func invalid(format string, a ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, a...))
}

// checkView tells why v cannot be a view.
func checkView(v chain.View) error {
	switch {
	case v.Chain == 0:
		return invalid("chain is zero")
	case v.Epoch == 0 || v.Epoch > maxEpoch:
		return invalid("epoch is %d", v.Epoch)
	case len(v.Members) == 0:
		return invalid("no members")
	case len(v.Members) > MaxMembers:
		return invalid("%d members, at most %d", len(v.Members), MaxMembers)
	}
	if err := checkNumbers(number{"rules", v.Rules}, number{"target", v.Target}); err != nil {
		return err
	}
	nodes := make(map[chain.NodeID]bool, len(v.Members)+1)
	all := v.Members
	if v.Learner != (chain.Member{}) {
		all = append(all[:len(all):len(all)], v.Learner)
	}
	for _, m := range all {
		if err := checkMember(m); err != nil {
			return err
		}
		if nodes[m.Node] {
			return invalid("node %v is there twice", m.Node)
		}
		nodes[m.Node] = true
	}
	return nil
}

// checkRegistration tells why r cannot be a registration.
func checkRegistration(r chain.Registration) error {
	if err := checkMember(r.Member); err != nil {
		return err
	}
	if err := checkNumbers(number{"protocol", r.Protocol}, number{"rules", r.Rules}); err != nil {
		return err
	}
	if len(r.Boot) > maxBoot || strings.ContainsFunc(r.Boot, escaped) {
		return invalid("boot %.200q: more than %d bytes, or not plain", r.Boot, maxBoot)
	}
	if r.Timeout < 0 || r.Timeout > maxTimeout || r.Timeout%time.Millisecond != 0 {
		return invalid("timeout %v: want whole milliseconds", r.Timeout)
	}
	if !r.Complete && r.Last != (chain.Position{}) {
		return invalid("last %v of an incomplete log", r.Last)
	}
	if len(r.Silent) > MaxMembers {
		return invalid("%d silent members, at most %d", len(r.Silent), MaxMembers)
	}
	for _, m := range r.Silent {
		if m.Node == 0 || m.Incarnation == 0 {
			return invalid("silent member %v is nobody", m)
		}
	}
	return nil
}

func checkMember(m chain.Member) error {
	if m.Node == 0 || m.Incarnation == 0 {
		return invalid("member %v is nobody", m.MemberID)
	}
	host, port, err := net.SplitHostPort(m.Address)
	if err != nil {
		return invalid("address %.300q: not host:port", m.Address)
	}
	outside := func(r rune) bool { return !strings.ContainsRune(hostLetter, r) }
	if host == "" || len(host) > maxHost || strings.ContainsFunc(host, outside) {
		return invalid("address %.300q: no such host", m.Address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return invalid("address %.300q: no such port", m.Address)
	}
	return nil
}

type number struct {
	name  string
	value int
}

func checkNumbers(numbers ...number) error {
	for _, n := range numbers {
		if n.value < 0 || n.value > maxNumber {
			return invalid("%s is %d", n.name, n.value)
		}
	}
	return nil
}

// escaped tells whether JSON would write r as anything but itself, or a person could not read it.
func escaped(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }
