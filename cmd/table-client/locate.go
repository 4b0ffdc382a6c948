package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// answerTimeout is how long a server may take to answer PING.
	answerTimeout = time.Second
	// tryZooKeeper is how long to try ZooKeeper where something listens that is no server of ours.
	tryZooKeeper = 2 * time.Second
)

// normalize checks the form of ADDR, and completes a port alone.
func normalize(address string) (string, error) {
	if namesZooKeeper(address) {
		return address, nil // coord/zookeeper checks it
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil && isPort(address) {
		host, port, err = "", address, nil
	}
	if err != nil || !isPort(port) || strings.ContainsAny(host, " @") {
		return "", usagef("%q is no address: want HOST:PORT of a server or of ZooKeeper, or a port of this machine", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// namesZooKeeper tells addresses that no server can have.
func namesZooKeeper(address string) bool { return strings.ContainsAny(address, ",/") }

// locate finds out what is at the address: a server, or ZooKeeper, which knows the servers.
func locate(address string, o *options, open openFunc) (*servers, error) {
	ctx, stop := interruptible(o.timeout)
	defer stop()
	if namesZooKeeper(address) {
		return fromZooKeeper(ctx, address, o, open)
	}
	answer, err := askLine(ctx, address, "PING\r\n")
	switch {
	case interrupted(ctx):
		return nil, failf(codeFailed, "interrupted")
	case err != nil:
		return nil, failf(codeFailed, "%s: %s: is a server or ZooKeeper running there?", address, why(err))
	case strings.HasPrefix(answer, "+"), strings.HasPrefix(answer, "-"):
		return &servers{address: address}, nil
	case answer != "":
		return nil, failf(codeFailed, "%s is neither a server of Chaintable nor ZooKeeper: it answers %q to PING", address, clean(answer, 40))
	}
	ctx, cancel := context.WithTimeout(ctx, tryZooKeeper)
	defer cancel()
	found, err := fromZooKeeper(ctx, address, o, open)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, failf(codeFailed, "%s: something listens there, but it did not answer PING as a server of Chaintable does, and gave no "+
			"session as ZooKeeper does: is the address right?", address)
	}
	return found, err
}

// fromZooKeeper reads the first view.
func fromZooKeeper(ctx context.Context, address string, o *options, open openFunc) (*servers, error) {
	c, err := open(address, o.chain)
	if err != nil {
		return nil, err
	}
	s := &servers{coordinator: c, name: o.chain, address: address}
	if err := s.refresh(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}
