package rpc

import (
	"context"
	"fmt"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// Txn does one of two lists of steps. One that changes nothing, and is to be answered when it is applied, is a read, and goes through no log.
func (f *Front) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	c, err := commandOf(r)
	if err != nil {
		return nil, invalid("not executed: " + err.Error())
	}
	if reads(r) {
		return f.readTxn(ctx, r, c)
	}
	call, err := f.write(ctx, c, nil, r.Answer, r.Request)
	if err != nil {
		return nil, err
	}
	out := &pb.TxnResponse{Seq: uint64(call.Seq), Epoch: f.epoch()}
	if !call.Numbered {
		then := call.Result.Count == 1
		out.Succeeded, out.Results = &then, resultsOf(call.Result.Steps)
	}
	return out, nil
}

// reads tells whether a Txn changes nothing, not even its session.
func reads(r *pb.TxnRequest) bool {
	if r.Request != nil || r.Answer != pb.Answer_ANSWER_APPLIED {
		return false
	}
	for _, branch := range [][]*pb.Step{r.Then, r.Else} {
		for _, s := range branch {
			if s.GetGet() == nil {
				return false
			}
		}
	}
	return true
}

// readTxn answers a Txn that changes nothing.
func (f *Front) readTxn(ctx context.Context, r *pb.TxnRequest, c *table.Command) (*pb.TxnResponse, error) {
	if err := c.Validate(); err != nil {
		return nil, invalid("not executed: " + err.Error())
	}
	var keys [][]byte
	for i := range c.Compares {
		keys = append(keys, c.Compares[i].Key)
	}
	for _, branch := range [][]table.Step{c.Then, c.Else} {
		for i := range branch {
			keys = append(keys, branch[i].Key)
		}
	}
	out := &pb.TxnResponse{}
	var result table.Result
	err := f.read(ctx, r.Consistency, replica.Keys(keys), func(t *table.Table) {
		result, out.Epoch = t.ReadTxn(c), f.epoch()
	})
	if err != nil {
		return nil, err
	}
	if err := refused(result.Code); err != nil {
		return nil, err
	}
	then := result.Count == 1
	out.Seq, out.Succeeded, out.Results = uint64(result.Seq), &then, resultsOf(result.Steps)
	return out, nil
}

// commandOf is a Txn as the table takes it. Whether it is within limits is still to be looked at.
func commandOf(r *pb.TxnRequest) (*table.Command, error) {
	if n := len(r.Compares) + len(r.Then) + len(r.Else); n > table.MaxArguments {
		return nil, fmt.Errorf("%d compares and steps are more than %d", n, table.MaxArguments)
	}
	c := &table.Command{Op: table.OpTxn, Compares: make([]table.Compare, len(r.Compares))}
	for i, x := range r.Compares {
		if err := compareOf(x, &c.Compares[i]); err != nil {
			return nil, fmt.Errorf("compare %d: %w", i+1, err)
		}
	}
	for _, branch := range []struct {
		name string
		from []*pb.Step
		to   *[]table.Step
	}{{"then", r.Then, &c.Then}, {"else", r.Else, &c.Else}} {
		*branch.to = make([]table.Step, len(branch.from))
		for i, x := range branch.from {
			if err := stepOf(x, &(*branch.to)[i]); err != nil {
				return nil, fmt.Errorf("%s %d: %w", branch.name, i+1, err)
			}
		}
	}
	return c, nil
}

var relations = map[pb.Relation]table.Relation{
	pb.Relation_RELATION_EQUAL: table.Equal, pb.Relation_RELATION_NOT_EQUAL: table.NotEqual,
	pb.Relation_RELATION_LESS: table.Less, pb.Relation_RELATION_GREATER: table.Greater,
}

func compareOf(x *pb.Compare, c *table.Compare) error {
	relation, ok := relations[x.GetRelation()]
	if !ok {
		return fmt.Errorf("unknown relation %d", x.GetRelation())
	}
	c.Key, c.Relation = x.GetKey(), relation
	switch to := x.GetTo().(type) {
	case *pb.Compare_Version:
		c.Target, c.Version = table.TargetVersion, chain.Seq(to.Version)
	case *pb.Compare_Value:
		c.Target, c.Value = table.TargetValue, to.Value
	case *pb.Compare_Exists:
		if relation != table.Equal {
			return fmt.Errorf("relation %d of existence", x.Relation)
		}
		c.Target, c.Relation, c.Exists = table.TargetExistence, 0, to.Exists
	default:
		return fmt.Errorf("nothing to compare with")
	}
	return nil
}

func stepOf(x *pb.Step, s *table.Step) error {
	switch step := x.GetStep().(type) {
	case *pb.Step_Put:
		*s = table.Step{Op: table.StepPut, Key: step.Put.GetKey(), Value: step.Put.GetValue()}
	case *pb.Step_Delete:
		*s = table.Step{Op: table.StepDelete, Key: step.Delete.GetKey()}
	case *pb.Step_Get:
		*s = table.Step{Op: table.StepGet, Key: step.Get.GetKey()}
	default:
		return fmt.Errorf("a step that does nothing")
	}
	return nil
}

func resultsOf(steps []table.StepResult) []*pb.StepResult {
	out := make([]*pb.StepResult, len(steps))
	for i, s := range steps {
		out[i] = &pb.StepResult{Found: s.Found, Value: s.Value, Version: uint64(s.Version)}
	}
	return out
}
