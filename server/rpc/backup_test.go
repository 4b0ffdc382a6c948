package rpc_test

import (
	"context"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/rpc"
	"github.com/chaintable/chaintable/server/servertest"
)

// backupPort is a Front of a server of chain 7.
func backupPort(t *testing.T) port {
	return serve(t, func(c *rpc.Config) { c.Backend.(*servertest.Backend).State.Chain = 7 })
}

// backup is the error that a Backup ends with, nil for none.
func backup(ctx context.Context, table pb.TableClient) error {
	stream, err := table.Backup(ctx, &pb.BackupRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// A Backup is a read: where the chain does not answer there is none.
func TestBackupIsRead(t *testing.T) {
	p := backupPort(t)
	table := pb.NewTableClient(p.dial(t))
	if err := backup(t.Context(), table); err != nil {
		t.Error(err)
	}
	p.backend.OnRead = func(context.Context) error { return replica.ErrOutside }
	if err := backup(t.Context(), table); status.Code(err) != codes.Unavailable {
		t.Errorf("a server that cannot read: %v", err)
	}
}

// A table of which nobody can tell of which chain it is gives no Backup.
func TestBackupOfNoChain(t *testing.T) {
	p := serve(t, nil)
	if err := backup(t.Context(), pb.NewTableClient(p.dial(t))); status.Code(err) != codes.Unavailable {
		t.Errorf("outside of any: %v", err)
	}
	p = backupPort(t)
	p.backend.OnRead = func(context.Context) error { p.backend.State.Chain++; return nil }
	if err := backup(t.Context(), pb.NewTableClient(p.dial(t))); status.Code(err) != codes.Unavailable {
		t.Errorf("one that begins anew meanwhile: %v", err)
	}
}

// Two are served at a time. Another one waits for its turn.
func TestBackupsAreBounded(t *testing.T) {
	p := backupPort(t)
	table := pb.NewTableClient(p.dial(t))
	reading, goOn := make(chan struct{}, 8), make(chan struct{})
	p.backend.OnRead = func(ctx context.Context) error {
		reading <- struct{}{}
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	ended := make(chan error, 3)
	begin := func() { go func() { ended <- backup(t.Context(), table) }() }
	for range 2 {
		begin()
		<-reading
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := backup(ctx, table); status.Code(err) != codes.DeadlineExceeded && status.Code(err) != codes.Unavailable {
		t.Errorf("the third: %v", err)
	}
	if len(reading) > 0 {
		t.Error("the third reads, too")
	}
	begin()
	close(goOn)
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
