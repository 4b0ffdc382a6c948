package zookeeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/go-zookeeper/zk"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// paths are where things are.
type paths struct {
	view      string
	servers   string // folder of registrations
	published string // folder that clients read
}

func newPaths(c Config) paths {
	base := c.Connect.Chroot + "/chaintable/chains/" + c.Chain
	return paths{view: base + "/view", servers: base + "/servers", published: c.Connect.Chroot + "/chain"}
}

// watched are the paths that get watches.
func (p paths) watched() []string { return []string{p.view, p.servers, p.published} }

func (p paths) server(m chain.MemberID) string { return p.servers + "/" + coord.Name(m) }

// maxChain is how long the name of a chain may be.
const maxChain = 64

// CheckChain tells why name cannot be that of a chain: it is part of a path, and of what people type.
func CheckChain(name string) error {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if name == "" || len(name) > maxChain || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return fmt.Errorf("name of a chain %.80q: want letters, digits, - and _, at most %d", name, maxChain)
	}
	return nil
}

// all may do everything: ZooKeeper's own access control decides who reaches it.
var all = zk.WorldACL(zk.PermAll)

// Register implements coord.Client.
func (c *Client) Register(ctx context.Context, r chain.Registration) error {
	data, err := coord.EncodeRegistration(r)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.mu.self = r.Member
	c.mu.Unlock()
	_, _, err = call(ctx, c, "register", func(s *session) (struct{}, error) {
		err := s.create(c.paths.server(r.MemberID), data)
		if errors.Is(err, zk.ErrNodeExists) {
			err = fmt.Errorf("%w: %w", coord.ErrConflict, err)
		}
		return struct{}{}, err
	})
	return err
}

// create makes a persistent node, and the folders it is in where they are missing.
func (s *session) create(path string, data []byte) error {
	_, err := s.conn.Create(path, data, zk.FlagPersistent, all)
	if !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	if err := s.folders(path); err != nil {
		return err
	}
	_, err = s.conn.Create(path, data, zk.FlagPersistent, all)
	return err
}

// folders makes those above path.
func (s *session) folders(path string) error {
	for i := 1; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		_, err := s.conn.Create(path[:i], []byte{}, zk.FlagPersistent, all)
		if err != nil && !errors.Is(err, zk.ErrNodeExists) && !errors.Is(err, zk.ErrNoAuth) { // who may not write above may below
			return fmt.Errorf("create %s: %w", path[:i], err)
		}
	}
	return nil
}

// version is v as ZooKeeper has it: no record has -2, while -1 would be any.
func version(v int64) int32 {
	if v < 0 || v > math.MaxInt32 {
		return -2
	}
	return int32(v)
}

// Heartbeat implements coord.Client.
func (c *Client) Heartbeat(ctx context.Context, r chain.Registered) (next int64, err error) {
	data, err := coord.EncodeRegistration(r.Registration)
	if err != nil {
		return 0, err
	}
	next, _, err = call(ctx, c, "heartbeat", func(s *session) (int64, error) {
		stat, err := s.conn.Set(c.paths.server(r.MemberID), data, version(r.Version))
		if err != nil {
			return 0, refusal(err)
		}
		return int64(stat.Version), nil
	})
	return next, err
}

// Delete implements coord.Client.
func (c *Client) Delete(ctx context.Context, r chain.Registered) error {
	_, _, err := call(ctx, c, "delete", func(s *session) (struct{}, error) {
		return struct{}{}, refusal(s.conn.Delete(c.paths.server(r.MemberID), version(r.Version)))
	})
	return err
}

// refusal is err as coord has it.
func refusal(err error) error {
	switch {
	case errors.Is(err, zk.ErrNoNode):
		return fmt.Errorf("%w: %w", coord.ErrMissing, err)
	case errors.Is(err, zk.ErrBadVersion), errors.Is(err, zk.ErrNodeExists):
		return fmt.Errorf("%w: %w", coord.ErrConflict, err)
	}
	return err
}

// maxReads is how many registrations are read at once.
const maxReads = 16

// List implements coord.Client.
func (c *Client) List(ctx context.Context) (registered []chain.Registered, number uint64, err error) {
	return call(ctx, c, "list", func(s *session) ([]chain.Registered, error) {
		names, err := s.children(c.paths.servers)
		if err != nil {
			return nil, err
		}
		var (
			list  = make([]*chain.Registered, len(names))
			errs  = make([]error, len(names))
			slots = make(chan struct{}, maxReads)
			reads sync.WaitGroup
		)
		for i, name := range names {
			m, err := coord.ParseName(name)
			if err != nil {
				continue // somebody else's
			}
			slots <- struct{}{}
			reads.Go(func() {
				list[i], errs[i] = s.registration(c.paths, m)
				<-slots
			})
		}
		reads.Wait()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		registered := make([]chain.Registered, 0, len(list))
		for _, r := range list {
			if r != nil {
				registered = append(registered, *r)
			}
		}
		slices.SortFunc(registered, func(a, b chain.Registered) int {
			return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Incarnation, b.Incarnation))
		})
		return registered, nil
	})
}

// registration reads one, nil for none.
func (s *session) registration(p paths, m chain.MemberID) (*chain.Registered, error) {
	data, stat, err := s.conn.Get(p.server(m))
	switch {
	case errors.Is(err, zk.ErrNoNode):
		return nil, nil // gone since
	case err != nil:
		return nil, err
	}
	r, err := coord.DecodeRegistration(m, data)
	if err != nil {
		r = coord.Unreadable(m)
	}
	return &chain.Registered{Registration: r, Version: int64(stat.Version)}, nil
}

// children reads the names in a folder, and makes it where it is missing, so that there is news of the first one.
func (s *session) children(path string) (names []string, err error) {
	for range 2 {
		if s.watch(path) {
			if names, _, _, err = s.conn.ChildrenW(path); err != nil {
				s.unwatch(path)
			}
		} else {
			names, _, err = s.conn.Children(path)
		}
		if !errors.Is(err, zk.ErrNoNode) {
			return names, err
		}
		if err := s.folders(path + "/"); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// View implements coord.Client.
func (c *Client) View(ctx context.Context, sync bool) (view chain.Recorded, number uint64, err error) {
	type record struct {
		data    []byte
		version int32
	}
	read, number, err := call(ctx, c, "view", func(s *session) (record, error) {
		if sync {
			if _, err := s.conn.Sync(c.paths.view); err != nil {
				return record{}, err
			}
		}
		data, stat, err := s.get(c.paths.view)
		if err != nil {
			return record{}, refusal(err)
		}
		return record{data, stat.Version}, nil
	})
	switch {
	case errors.Is(err, coord.ErrMissing):
		c.note(nil)
		return chain.Recorded{}, number, err
	case err != nil:
		return chain.Recorded{}, 0, err
	}
	view.Version = int64(read.version)
	if view.View, err = coord.DecodeView(read.data); err != nil {
		return chain.Recorded{}, number, fmt.Errorf("coord/zookeeper: view: %w", err)
	}
	c.note(&view)
	return view, number, nil
}

// get reads a node, with a watch for when it changes, comes or goes.
func (s *session) get(path string) (data []byte, stat *zk.Stat, err error) {
	if !s.watch(path) {
		return s.conn.Get(path)
	}
	data, stat, _, err = s.conn.GetW(path)
	if err == nil {
		return data, stat, nil
	}
	if !errors.Is(err, zk.ErrNoNode) {
		s.unwatch(path)
		return nil, nil, err
	}
	exists, _, _, watchErr := s.conn.ExistsW(path)
	switch {
	case watchErr != nil:
		s.unwatch(path)
		return nil, nil, watchErr
	case exists:
		return s.conn.Get(path)
	}
	return nil, nil, err
}

// maxTries bounds how often something is tried that another has come in between.
const maxTries = 4

// Change implements coord.Client.
func (c *Client) Change(ctx context.Context, a chain.AskChange) error {
	data, err := coord.EncodeView(a.View)
	if err != nil {
		return err
	}
	ops := c.decisive(a, data)
	_, _, err = call(ctx, c, "change", func(s *session) (struct{}, error) {
		if a.Session != 0 && a.Session != s.number {
			return struct{}{}, fmt.Errorf("version %d was read in an earlier session: %w", a.From, coord.ErrConflict)
		}
		return struct{}{}, c.change(s, ops, a.View)
	})
	if err == nil {
		c.note(&chain.Recorded{View: a.View, Version: a.From + 1})
	}
	return err
}

// decisive are the operations by which a change succeeds or fails: the view, then the registrations.
func (c *Client) decisive(a chain.AskChange, data []byte) []any {
	ops := []any{&zk.SetDataRequest{Path: c.paths.view, Data: data, Version: version(a.From)}}
	if a.From == -1 {
		ops[0] = &zk.CreateRequest{Path: c.paths.view, Data: data, Acl: all}
	}
	for _, r := range a.Delete {
		ops = append(ops, &zk.DeleteRequest{Path: c.paths.server(r.MemberID), Version: version(r.Version)})
	}
	return ops
}

// change does all of it in one Multi, and with it takes those who go out of /chain. It looks at /chain again where that is not as it was when last looked
// at: a node published meanwhile has to go too, and one may have gone by itself, with its session.
func (c *Client) change(s *session, ops []any, next chain.View) (err error) {
	decisive := len(ops)
	for range maxTries {
		gone, version := c.gone(next)
		ops = append(ops[:decisive:decisive], &zk.CheckVersionRequest{Path: c.paths.published, Version: version})
		for _, name := range gone {
			ops = append(ops, &zk.DeleteRequest{Path: c.paths.published + "/" + name, Version: -1})
		}
		var results []zk.MultiResponse
		results, err = s.conn.Multi(ops...)
		if err == nil {
			return nil
		}
		failed := slices.IndexFunc(results, func(r zk.MultiResponse) bool { return r.Error != nil })
		_, creates := ops[0].(*zk.CreateRequest)
		switch {
		case failed < 0:
			return err // no answer, or one for the whole
		case failed == 0 && creates && errors.Is(results[0].Error, zk.ErrNoNode):
			if err := s.folders(c.paths.view); err != nil {
				return err
			}
		case failed == 0:
			return fmt.Errorf("view: %w", refusal(results[0].Error))
		case failed < decisive:
			return fmt.Errorf("%s: %w: %w", ops[failed].(*zk.DeleteRequest).Path, coord.ErrConflict, results[failed].Error)
		default:
			if _, _, err := c.published(s); err != nil {
				return err
			}
			err = fmt.Errorf("%s: %w: %w", c.paths.published, coord.ErrConflict, results[failed].Error)
		}
	}
	return err
}
