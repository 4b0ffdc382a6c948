package client

import (
	"context"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// Txn does Then if all of If hold, and Else otherwise: all at one moment, so that nobody sees a part of it.
type Txn struct {
	If         []Compare // none always hold
	Then, Else []Step    // done in order: a step sees what those before it did
}

// Compare is a condition of a Txn. Version, Value, Exists and Absent make one.
type Compare struct{ compare *pb.Compare }

// Relation is that of what is there to what is given.
type Relation pb.Relation

// The relations.
const (
	Equal    = Relation(pb.Relation_RELATION_EQUAL)
	NotEqual = Relation(pb.Relation_RELATION_NOT_EQUAL)
	Less     = Relation(pb.Relation_RELATION_LESS)
	Greater  = Relation(pb.Relation_RELATION_GREATER)
)

// Version compares a key's version; that of a missing key is 0.
func Version(key string, is Relation, version Seq) Compare {
	return Compare{&pb.Compare{Key: []byte(key), Relation: pb.Relation(is), To: &pb.Compare_Version{Version: uint64(version)}}}
}

// Value compares a key's value, byte by byte. Nothing holds for a missing key, not even NotEqual.
func Value(key string, is Relation, value []byte) Compare {
	return Compare{&pb.Compare{Key: []byte(key), Relation: pb.Relation(is), To: &pb.Compare_Value{Value: value}}}
}

// Exists holds if there is such a key.
func Exists(key string) Compare {
	return Compare{&pb.Compare{Key: []byte(key), To: &pb.Compare_Exists{Exists: true}}}
}

// Absent holds if there is no such key.
func Absent(key string) Compare {
	return Compare{&pb.Compare{Key: []byte(key), To: &pb.Compare_Exists{}}}
}

// Step is what a Txn does. PutStep, DeleteStep and GetStep make one.
type Step struct{ step *pb.Step }

// PutStep sets a key to a value.
func PutStep(key string, value []byte) Step {
	return Step{&pb.Step{Step: &pb.Step_Put{Put: &pb.PutStep{Key: []byte(key), Value: value}}}}
}

// DeleteStep removes a key.
func DeleteStep(key string) Step {
	return Step{&pb.Step{Step: &pb.Step_Delete{Delete: &pb.DeleteStep{Key: []byte(key)}}}}
}

// GetStep reads a key.
func GetStep(key string) Step {
	return Step{&pb.Step{Step: &pb.Step_Get{Get: &pb.GetStep{Key: []byte(key)}}}}
}

// writes tells whether the step changes anything.
func (s Step) writes() bool { return s.step.GetGet() == nil }

// TxnResult is what came of a Txn.
type TxnResult struct {
	Seq       Seq          // its number; of a Txn that changes nothing, what was read holds every write up to this one
	Succeeded bool         // Then was done, not Else
	Steps     []StepResult // one for each step of the two that was done
}

// StepResult is what came of a step.
type StepResult struct {
	Found   bool   // the key was there before the step
	Value   []byte // of a GetStep
	Version Seq    // of a GetStep that of the key; of a PutStep its new one
}

// Txn carries out a transaction. What its steps found is at most 1 MiB, each step counted with 40 bytes; more is refused, and nothing happens. Slices of the Txn
// must not be changed until Txn returns.
func (c *Client) Txn(ctx context.Context, txn Txn) (TxnResult, error) {
	r := &pb.TxnRequest{}
	for _, x := range txn.If {
		r.Compares = append(r.Compares, x.compare)
	}
	writes := false
	for _, s := range txn.Then {
		r.Then, writes = append(r.Then, s.step), writes || s.writes()
	}
	for _, s := range txn.Else {
		r.Else, writes = append(r.Else, s.step), writes || s.writes()
	}
	call := Call{Op: "txn"}
	var answer *pb.TxnResponse
	var err error
	if writes {
		err = c.doOnce(ctx, call, false, func(ctx context.Context, to server, w write) (epoch uint64, err error) {
			// Not the same message for several tries: one that was given up may still be read.
			answer, err = to.Txn(ctx, &pb.TxnRequest{Compares: r.Compares, Then: r.Then, Else: r.Else, Request: w.request})
			return answer.GetEpoch(), err
		})
	} else {
		err = c.do(ctx, call, func(ctx context.Context, to server) (epoch uint64, err error) {
			answer, err = to.Txn(ctx, r)
			return answer.GetEpoch(), err
		})
	}
	if err != nil {
		return TxnResult{}, err
	}
	out := TxnResult{Seq: Seq(answer.Seq), Succeeded: answer.GetSucceeded()}
	for _, s := range answer.Results {
		out.Steps = append(out.Steps, StepResult{Found: s.Found, Value: s.Value, Version: Seq(s.Version)})
	}
	return out, nil
}
