package server_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// grpcDial is a connection of gRPC to a member.
func grpcDial(t *testing.T, m *member) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+m.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// failure is what an error of gRPC says of what happened.
func failure(t *testing.T, err error) (codes.Code, *pb.Failure) {
	t.Helper()
	s := status.Convert(err)
	for _, d := range s.Details() {
		if f, ok := d.(*pb.Failure); ok {
			return s.Code(), f
		}
	}
	t.Fatalf("%v has no Failure", err)
	return 0, nil
}

// Every method at every server, one outside the chain among them.
func TestRPC(t *testing.T) {
	ctx := t.Context()
	members := startServers(t, 4, 3, nil)
	s0, err := pb.NewClusterClient(grpcDial(t, members[0])).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		conn := grpcDial(t, m)
		table := pb.NewTableClient(conn)
		key := fmt.Appendf(nil, "k%d", i)
		put, err := table.Put(ctx, &pb.PutRequest{Key: key, Value: []byte("v")})
		if err != nil || !put.GetSucceeded() || put.Seq == 0 || put.Epoch == 0 {
			t.Fatalf("server %d: put: %v, %v", i, put, err)
		}
		get, err := table.Get(ctx, &pb.GetRequest{Key: key})
		if err != nil || !get.Found || string(get.Value) != "v" || get.Version != put.Seq || get.Seq < put.Seq {
			t.Errorf("server %d: get: %v, %v", i, get, err)
		}
		verify, err := table.Verify(ctx, &pb.VerifyRequest{Seq: put.Seq})
		if err != nil || verify.Fate != pb.Fate_FATE_EXECUTED {
			t.Errorf("server %d: verify: %v, %v", i, verify, err)
		}
		again, err := table.Put(ctx, &pb.PutRequest{Key: key, Value: []byte("w"), Condition: &pb.Condition{Is: &pb.Condition_Exists{Exists: false}}})
		if err != nil || again.Succeeded == nil || *again.Succeeded {
			t.Errorf("server %d: put of a key that exists, if it does not: %v, %v", i, again, err)
		}
		again, err = table.Put(ctx, &pb.PutRequest{Key: key, Value: []byte("w"), Condition: &pb.Condition{Is: &pb.Condition_Version{Version: put.Seq}}})
		if err != nil || !again.GetSucceeded() {
			t.Errorf("server %d: put at the version: %v, %v", i, again, err)
		}
		size, err := table.Size(ctx, &pb.SizeRequest{})
		if err != nil || size.Size != uint64(i+1) {
			t.Errorf("server %d: size: %v, %v", i, size, err)
		}
		if got := keysOf(t, table, &pb.KeysRequest{Values: true}); len(got) != i+1 || !slices.Contains(got, string(key)+"=w") {
			t.Errorf("server %d: keys %q", i, got)
		}
		if h, chunks := backupOf(t, table); h.Chain != s0.View.Chain || h.Keys != uint64(i+1) || h.Seq < again.Seq || len(chunks) == 0 {
			t.Errorf("server %d: backup %v, of %d chunks", i, h, len(chunks))
		}
		numbered, err := table.Put(ctx, &pb.PutRequest{Key: []byte("gone"), Answer: pb.Answer_ANSWER_NUMBERED})
		if err != nil || numbered.Seq <= put.Seq || numbered.Succeeded != nil {
			t.Errorf("server %d: numbered put: %v, %v", i, numbered, err)
		}
		del, err := table.Delete(ctx, &pb.DeleteRequest{Key: []byte("gone")})
		if err != nil || !del.Found || !del.GetSucceeded() || del.Seq <= numbered.Seq {
			t.Errorf("server %d: delete: %v, %v", i, del, err)
		}
		s, err := pb.NewClusterClient(conn).Status(ctx, &pb.StatusRequest{})
		if err != nil || s.Address != m.Address || len(s.View.Members) != 3 || s.Serving != (i < 3) {
			t.Errorf("server %d: status: %v, %v", i, s, err)
		}
		h, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
		if err != nil || (h.Status == grpc_health_v1.HealthCheckResponse_SERVING) != (i < 3) {
			t.Errorf("server %d: health: %v, %v", i, h, err)
		}
		_, err = table.Put(ctx, &pb.PutRequest{Key: make([]byte, 64<<10+1)})
		if code, f := failure(t, err); code != codes.InvalidArgument || f.Outcome != pb.Outcome_OUTCOME_DID_NOT_HAPPEN {
			t.Errorf("server %d: a key that is too long: %v, %v", i, code, f)
		}
	}
}

func keysOf(t *testing.T, table pb.TableClient, r *pb.KeysRequest) (found []string) {
	t.Helper()
	stream, err := table.Keys(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range m.Entries {
			found = append(found, string(e.Key)+"="+string(e.Value))
		}
	}
}

func backupOf(t *testing.T, table pb.TableClient) (h *pb.BackupHeader, chunks [][]byte) {
	t.Helper()
	stream, err := table.Backup(t.Context(), &pb.BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			return h, chunks
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Header != nil {
			h = m.Header
			continue
		}
		chunks = append(chunks, m.Chunk)
	}
}

// A repeated request of a session returns what the first one did, at any server, and an older one is refused.
func TestRPCOnceOnly(t *testing.T) {
	ctx := t.Context()
	members := startServers(t, 4, 3, nil)
	first := pb.NewTableClient(grpcDial(t, members[1]))
	opened, err := first.OpenSession(ctx, &pb.OpenSessionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	request := func(n uint64) *pb.Request { return &pb.Request{Session: opened.Session, Number: n, DoneBelow: n} }
	once := &pb.PutRequest{Key: []byte("k"), Value: []byte("1"), Condition: &pb.Condition{Is: &pb.Condition_Exists{}}, Request: request(1)}
	var seq uint64
	for i, m := range members {
		put, err := pb.NewTableClient(grpcDial(t, m)).Put(ctx, once)
		if err != nil || !put.GetSucceeded() || seq != 0 && put.Seq != seq {
			t.Fatalf("try %d: %v, %v", i, put, err)
		}
		seq = put.Seq
	}
	if _, err := first.Delete(ctx, &pb.DeleteRequest{Key: []byte("k"), Request: request(2)}); err != nil {
		t.Fatal(err)
	}
	_, err = first.Put(ctx, once)
	if code, f := failure(t, err); code != codes.Aborted || f.Reason != pb.Reason_REASON_OVERTAKEN || f.Outcome != pb.Outcome_OUTCOME_MAY_HAVE_HAPPENED {
		t.Errorf("an older request, which was executed: %v, %v", code, f)
	}
	if _, err := first.Put(ctx, &pb.PutRequest{Key: []byte("k"), Request: &pb.Request{Session: opened.Session, Number: 5, DoneBelow: 3}}); err != nil {
		t.Fatal(err)
	}
	_, err = first.Put(ctx, &pb.PutRequest{Key: []byte("k"), Request: &pb.Request{Session: opened.Session, Number: 4, DoneBelow: 3}})
	if code, f := failure(t, err); code != codes.FailedPrecondition || f.Reason != pb.Reason_REASON_OVERTAKEN || f.Outcome != pb.Outcome_OUTCOME_DID_NOT_HAPPEN {
		t.Errorf("an older request, which was not executed: %v, %v", code, f)
	}
	_, err = first.Put(ctx, &pb.PutRequest{Key: []byte("k"), Request: &pb.Request{Session: &pb.Session{Chain: opened.Session.Chain, Id: 1 << 40}, Number: 1}})
	if code, f := failure(t, err); code != codes.Aborted || f.Reason != pb.Reason_REASON_SESSION_FORGOTTEN || f.Outcome != pb.Outcome_OUTCOME_MAY_HAVE_HAPPENED {
		t.Errorf("a session that nobody has opened: %v, %v", code, f)
	}
	for _, r := range []*pb.Request{{}, {Session: opened.Session}, {Session: opened.Session, Number: 1, DoneBelow: 2}} {
		if _, err = first.Put(ctx, &pb.PutRequest{Request: r}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("request %v: %v", r, err)
		}
	}
}

// A Txn does one of its branches, tells what its steps found, and tells a repeat the same.
func TestRPCTxn(t *testing.T) {
	ctx := t.Context()
	for i, m := range startServers(t, 3, 2, nil) {
		table := pb.NewTableClient(grpcDial(t, m))
		opened, err := table.OpenSession(ctx, &pb.OpenSessionRequest{})
		if err != nil {
			t.Fatal(err)
		}
		k, v := fmt.Appendf(nil, "k%d", i), []byte("v")
		txn := &pb.TxnRequest{
			Compares: []*pb.Compare{{Key: k, To: &pb.Compare_Exists{}}, {Key: k, To: &pb.Compare_Version{}}},
			Then: []*pb.Step{
				{Step: &pb.Step_Put{Put: &pb.PutStep{Key: k, Value: v}}},
				{Step: &pb.Step_Get{Get: &pb.GetStep{Key: k}}},
				{Step: &pb.Step_Delete{Delete: &pb.DeleteStep{Key: []byte("none")}}},
			},
			Else:    []*pb.Step{{Step: &pb.Step_Put{Put: &pb.PutStep{Key: k, Value: []byte("twice")}}}},
			Request: &pb.Request{Session: opened.Session, Number: 1, DoneBelow: 1},
		}
		first, err := table.Txn(ctx, txn)
		if err != nil || !first.GetSucceeded() || len(first.Results) != 3 || string(first.Results[1].Value) != "v" || first.Results[1].Version != first.Seq {
			t.Fatalf("server %d: %v, %v", i, first, err)
		}
		again, err := table.Txn(ctx, txn)
		if err != nil || !proto.Equal(again, first) {
			t.Errorf("server %d: repeated: %v, %v; the first time %v", i, again, err, first)
		}
		txn.Request.Number, txn.Request.DoneBelow = 2, 2
		if second, err := table.Txn(ctx, txn); err != nil || second.Succeeded == nil || second.GetSucceeded() || len(second.Results) != 1 {
			t.Errorf("server %d: else: %v, %v", i, second, err)
		}
		read := &pb.TxnRequest{
			Compares: []*pb.Compare{{Key: k, Relation: pb.Relation_RELATION_GREATER, To: &pb.Compare_Value{Value: v}}},
			Then:     []*pb.Step{{Step: &pb.Step_Get{Get: &pb.GetStep{Key: k}}}},
		}
		before, err := table.Txn(ctx, read)
		if err != nil || before.GetSucceeded() || len(before.Results) != 0 {
			t.Errorf("server %d: read: %v, %v", i, before, err)
		}
		for _, bad := range []*pb.TxnRequest{
			{Compares: []*pb.Compare{{Key: k}}},
			{Then: []*pb.Step{{}}},
			{Then: []*pb.Step{{Step: &pb.Step_Put{}}, {Step: &pb.Step_Get{Get: &pb.GetStep{Key: make([]byte, 64<<10+1)}}}}},
			{Compares: []*pb.Compare{{Key: k, Relation: 9, To: &pb.Compare_Exists{}}}},
			{Compares: []*pb.Compare{{Key: k, Relation: 1, To: &pb.Compare_Exists{}}}},
		} {
			_, err := table.Txn(ctx, bad)
			if code, f := failure(t, err); code != codes.InvalidArgument || f.Outcome != pb.Outcome_OUTCOME_DID_NOT_HAPPEN {
				t.Errorf("server %d: %v: %v", i, bad, err)
			}
		}
	}
}

// Calls are counted by method and by what became of them.
func TestRPCMetrics(t *testing.T) {
	ctx := t.Context()
	m := startChain(t, 1, nil)[0]
	conn := grpcDial(t, m)
	table := pb.NewTableClient(conn)
	for range 3 {
		if _, err := table.Put(ctx, &pb.PutRequest{Key: []byte("k")}); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = table.Put(ctx, &pb.PutRequest{Key: []byte("k"), Condition: &pb.Condition{Is: &pb.Condition_Exists{}}})
	_, _ = table.Put(ctx, &pb.PutRequest{Key: make([]byte, 64<<10+1)})
	_, _ = table.Get(ctx, &pb.GetRequest{Key: []byte("none")})
	keysOf(t, table, &pb.KeysRequest{})
	_ = conn.Invoke(ctx, "/chaintable.v1.Table/None", &pb.GetRequest{}, &pb.GetResponse{})
	if _, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	s := scrape(t, m)
	for _, c := range []struct {
		command, outcome string
		want             float64
	}{
		{"put", "ok", 3},
		{"put", "miss", 1},
		{"put", "invalid", 1},
		{"get", "miss", 1},
		{"keys", "ok", 1},
		{"other", "ok", 1},
		{"other", "invalid", 1},
		{"txn", "ok", 0},
	} {
		of := []string{"protocol=grpc", "command=" + c.command, "outcome=" + c.outcome}
		if got := s.value(t, "chaintable_requests_total", of...); got != c.want {
			t.Errorf("%v: %v, want %v", of, got, c.want)
		}
	}
	if got := s.value(t, "chaintable_clients", "protocol=grpc"); got != 1 {
		t.Errorf("%v clients", got)
	}
	for i := range byte(4) {
		if _, err := table.Put(ctx, &pb.PutRequest{Key: []byte{i}, Value: make([]byte, 64<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	if _, err := table.Keys(ctx, &pb.KeysRequest{Values: true}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "replies to be unread", func() bool { return scrape(t, m).value(t, "chaintable_unread_bytes") > 60<<10 })
	cancel()
	waitFor(t, "the stream's end", func() bool { return scrape(t, m).value(t, "chaintable_unread_bytes") == 0 })
}

// A stranger without our .proto files finds out by reflection what there is and how to call it, as grpcurl does.
func TestRPCReflection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn := grpcDial(t, startChain(t, 1, nil)[0])
	s, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(r *reflection.ServerReflectionRequest) *reflection.ServerReflectionResponse {
		t.Helper()
		if err := s.Send(r); err != nil {
			t.Fatal(err)
		}
		answer, err := s.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	var names []string
	for _, x := range ask(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}}).GetListServicesResponse().GetService() {
		names = append(names, x.Name)
	}
	for _, want := range []string{"chaintable.v1.Table", "chaintable.v1.Cluster", "grpc.health.v1.Health"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	files := new(descriptorpb.FileDescriptorSet)
	for _, b := range ask(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{
		FileContainingSymbol: "chaintable.v1.Table",
	}}).GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(b, file); err != nil {
			t.Fatal(err)
		}
		files.File = append(files.File, file)
	}
	found, err := protodesc.NewFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, request string) string {
		t.Helper()
		d, err := found.FindDescriptorByName(protoreflect.FullName("chaintable.v1.Table." + method))
		if err != nil {
			t.Fatal(err)
		}
		m := d.(protoreflect.MethodDescriptor)
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if err := protojson.Unmarshal([]byte(request), in); err != nil {
			t.Fatal(err)
		}
		if err := conn.Invoke(ctx, "/chaintable.v1.Table/"+method, in, out); err != nil {
			t.Fatal(err)
		}
		b, err := protojson.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(b), " ", "")
	}
	if got := call("Put", `{"key": "aw==", "value": "djE=", "condition": {"exists": false}}`); !strings.Contains(got, `"succeeded":true`) {
		t.Errorf("put: %s", got)
	}
	if got := call("Get", `{"key": "aw==", "consistency": "CONSISTENCY_LINEARIZABLE"}`); !strings.Contains(got, `"value":"djE="`) {
		t.Errorf("get: %s", got)
	}
}
