package rpc

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/internal/calls"
	"github.com/chaintable/chaintable/internal/notes"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/table"
)

const (
	// maxMessage is the longest request: a command, and what is said around it.
	maxMessage = table.MaxCommandBytes + 1<<20
	// maxStreams is how many calls a connection may have under way.
	maxStreams = 1024
	// maxHeader bounds the headers of a call, in bytes.
	maxHeader = 16 << 10
	// handshakeTimeout is how long a connection may take to say that it speaks HTTP/2.
	handshakeTimeout = 10 * time.Second
	// Keepalives: a connection on which nothing has come for quietTime is asked, and closed if it does not answer within answerTime.
	// Clients may ask every pingTime.
	quietTime  = time.Minute
	answerTime = 20 * time.Second
	pingTime   = 5 * time.Second
	// lookEvery is how often to look for clients that do not read.
	lookEvery = 5 * time.Second
	// listings is how many Keys are served at a time: each keeps a snapshot of the table.
	listings = 4
	// backups is how many Backup are served at a time, for the same reason.
	backups = 2
)

// Backend is the server's replica, as far as this front end uses it. *replica.Replica is one.
type Backend interface {
	Write(ctx context.Context, calls []*replica.Call)
	Read(ctx context.Context, scope replica.Scope, read func(*table.Table)) error
	ReadCommitted(read func(*table.Table))
	Verify(ctx context.Context, seq chain.Seq) (table.Fate, error)
	Operate(ctx context.Context, op chain.Operation) error
	Status() replica.Status
	Serving() bool
}

// Config is what a Front needs. Every field is required but Slow, MaxCalls and MaxUnread.
type Config struct {
	Backend        Backend
	Limits         *stream.Limits
	Logger         *slog.Logger
	RequestTimeout time.Duration // how long a request may wait for the chain
	Version        string        // of Chaintable
	Clients        func() int    // connections of clients, of this front end and others
	Slow           metrics.Slow  // what becomes of slow calls; zero for none
	// Forward is the address of a server that serves, for calls that this one cannot serve; empty for none.
	Forward func() string
	// Dial connects to another server.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// MaxCalls is how many calls all connections together may have under way, and MaxUnread how many bytes of replies they may leave
	// unread. Zero is 65,536, and 1 GiB.
	MaxCalls, MaxUnread int64
}

// Front serves gRPC to connections that others have accepted.
type Front struct {
	pb.UnimplementedTableServer
	pb.UnimplementedClusterServer

	config   Config
	server   *grpc.Server
	queue    *stream.Queue
	notes    notes.Notes
	listings chan struct{}
	backups  chan struct{}
	peers    *calls.Conns  // to members
	peersOf  atomic.Uint64 // epoch of the view whose members they are
	requests *metrics.Requests
	counted  map[string]metrics.Command // by method
	all      bounds

	work sync.WaitGroup
	stop chan struct{}
	once sync.Once

	mu struct {
		sync.Mutex
		conns map[*conn]struct{}
	}
}

// New makes a Front and starts its goroutines: one that takes connections, and one that closes clients which do not read. Close
// ends them.
func New(config Config) *Front {
	f := &Front{
		config: config, queue: stream.NewQueue(), listings: make(chan struct{}, listings), backups: make(chan struct{}, backups),
		stop: make(chan struct{}),
	}
	f.config.MaxCalls, f.config.MaxUnread = cmp.Or(config.MaxCalls, maxCalls), cmp.Or(config.MaxUnread, maxUnread)
	f.mu.conns = make(map[*conn]struct{})
	f.peers = calls.New(config.Dial, maxMessage)
	f.requests, f.counted = newRequests(config.Slow)
	f.server = grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()),
		grpc.InTapHandle(begins),
		grpc.StatsHandler(meter{}),
		grpc.UnaryInterceptor(f.unary),
		grpc.StreamInterceptor(f.stream),
		grpc.UnknownServiceHandler(unknown),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: quietTime, Timeout: answerTime}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingTime, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	)
	pb.RegisterTableServer(f.server, f)
	pb.RegisterClusterServer(f.server, f)
	grpc_health_v1.RegisterHealthServer(f.server, health{front: f})
	reflection.Register(f.server)
	f.work.Go(func() { _ = f.server.Serve(f.queue) }) // it ends with the queue
	f.work.Go(f.look)
	return f
}

// Serve serves conn, of which first has been read already, until it ends.
func (f *Front) Serve(c net.Conn, first []byte) {
	metered := newConn(c, first, f)
	f.mu.Lock()
	f.mu.conns[metered] = struct{}{}
	f.mu.Unlock()
	if f.queue.Put(metered) {
		<-metered.closed
	}
	f.mu.Lock()
	delete(f.mu.conns, metered)
	f.mu.Unlock()
	metered.recorder.Disconnect()
}

// Drain takes no further calls and lets those under way end, at the latest with ctx. The clients are told to go elsewhere.
func (f *Front) Drain(ctx context.Context) {
	stopped := make(chan struct{})
	f.work.Go(func() {
		defer close(stopped)
		f.server.GracefulStop()
	})
	select {
	case <-stopped:
	case <-ctx.Done():
	}
}

// Close closes all connections and ends the Front. What waits for the chain ends with the replica, or its request timeout.
func (f *Front) Close() {
	f.once.Do(func() { close(f.stop) })
	_ = f.queue.Close()
	f.mu.Lock()
	for c := range f.mu.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.peers.Close()
	f.server.Stop()
	f.work.Wait()
}

// look closes clients that do not read.
func (f *Front) look() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-f.stop:
			return
		}
		f.mu.Lock()
		for c := range f.mu.conns {
			if c.stalled(time.Now()) {
				f.note(c, errStalled)
				_ = c.Close()
			}
		}
		f.mu.Unlock()
	}
}

// note tells the log why a client was closed.
func (f *Front) note(c *conn, cause error) {
	f.notes.Warn(f.config.Logger, "client closed: "+cause.Error(), "client", c.Conn.RemoteAddr())
}

// within is a context for a request that waits for the chain.
func (f *Front) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, f.config.RequestTimeout)
}

// unary answers a call here, or has another server answer it.
func (f *Front) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
	began := time.Now()
	c, ok := ctx.Value(callKey{}).(*rpcCall)
	switch to := f.elsewhere(request, info.FullMethod); {
	case ok && c.full:
		err = busy("not executed: the transactions of all connections have 4,194,304 compares and steps already")
	case to != "" && !forwarded(ctx):
		answer, err = f.forward(ctx, to, info.FullMethod, request)
	default:
		answer, err = handler(ctx, request)
	}
	f.record(ctx, info.FullMethod, request, answer, err, began)
	if err != nil {
		return nil, err
	}
	return counted(ctx, answer), nil
}
