package coord_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

const (
	viewText = `{"v":1,"protocol":1,"rules":1,"chain":"00000000deadbeef","epoch":7,"members":[` +
		`{"id":"000000000000002a","incarnation":3,"address":"127.0.0.1:7001","durable":true},` +
		`{"id":"ffffffffffffffff","incarnation":18446744073709551615,"address":"[::1]:65535","durable":false}],` +
		`"learner":{"id":"0000000000000001","incarnation":1,"address":"host-3.example:1","durable":false},"target":3}`
	serverText = `{"v":1,"protocol":1,"rules":1,"address":"127.0.0.1:7001","durable":true,` +
		`"boot":"5d4f7ae0-6a5b","last":[41,7],"silent":["000000000000002a.3"],"leaving":false,"timeout_ms":1500}`
)

var (
	someone = chain.MemberID{Node: 42, Incarnation: 3}
	view    = chain.View{
		Chain: 0xdeadbeef, Epoch: 7, Target: 3, Rules: 1,
		Members: []chain.Member{
			{MemberID: chain.MemberID{Node: 42, Incarnation: 3}, Address: "127.0.0.1:7001", Durable: true},
			{MemberID: chain.MemberID{Node: 1<<64 - 1, Incarnation: 1<<64 - 1}, Address: "[::1]:65535"},
		},
		Learner: chain.Member{MemberID: chain.MemberID{Node: 1, Incarnation: 1}, Address: "host-3.example:1"},
	}
	server = chain.Registration{
		Member:   chain.Member{MemberID: someone, Address: "127.0.0.1:7001", Durable: true},
		Protocol: 1, Rules: 1, Boot: "5d4f7ae0-6a5b", Complete: true, Last: chain.Position{Seq: 41, Epoch: 7},
		Silent: []chain.MemberID{{Node: 42, Incarnation: 3}}, Timeout: 1500 * time.Millisecond,
	}
)

// TestRecords holds the texts of design.md, section 7, against the values.
func TestRecords(t *testing.T) {
	data, err := coord.EncodeView(view)
	if err != nil || string(data) != viewText {
		t.Errorf("EncodeView: %v\n got %s\nwant %s", err, data, viewText)
	}
	v, err := coord.DecodeView([]byte(viewText))
	if err != nil || !reflect.DeepEqual(v, view) {
		t.Errorf("DecodeView: %v\n got %+v\nwant %+v", err, v, view)
	}
	data, err = coord.EncodeRegistration(server)
	if err != nil || string(data) != serverText {
		t.Errorf("EncodeRegistration: %v\n got %s\nwant %s", err, data, serverText)
	}
	r, err := coord.DecodeRegistration(someone, []byte(serverText))
	if err != nil || !reflect.DeepEqual(r, server) {
		t.Errorf("DecodeRegistration: %v\n got %+v\nwant %+v", err, r, server)
	}

	// A log that lacks something has no end worth telling; an empty one has.
	for last, r := range map[string]chain.Registration{`"last":null`: {}, `"last":[0,0]`: {Complete: true}} {
		r.Member, r.Protocol = server.Member, 1
		data, err := coord.EncodeRegistration(r)
		if err != nil || !strings.Contains(string(data), last) {
			t.Errorf("EncodeRegistration: %v\n got %s\nwant %s", err, data, last)
		}
		if got, err := coord.DecodeRegistration(someone, data); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("DecodeRegistration: %v\n got %+v\nwant %+v", err, got, r)
		}
	}
	incomplete := server
	incomplete.Complete = false
	if _, err := coord.EncodeRegistration(incomplete); !errors.Is(err, coord.ErrInvalid) {
		t.Errorf("EncodeRegistration of an incomplete log with an end: got error %v", err)
	}

	alone := view
	alone.Members, alone.Learner = view.Members[:1], chain.Member{}
	data, err = coord.EncodeView(alone)
	if err != nil || !strings.Contains(string(data), `"learner":null`) {
		t.Errorf("EncodeView without a learner: %v %s", err, data)
	}
	spaced := strings.NewReplacer(`,`, " ,\n ", `:{`, ` : {`).Replace(viewText)
	if v, err := coord.DecodeView([]byte(spaced)); err != nil || !reflect.DeepEqual(v, view) {
		t.Errorf("DecodeView with white space: %v %+v", err, v)
	}
}

// TestDecodeRefuses changes one thing in a good record, and the error must say which.
func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ record, from, to, says string }{
		{viewText, `"v":1`, `"v":2`, "version 2"},
		{viewText, `"v":1,`, ``, "version 0"},
		{viewText, `"v":1`, `"V":1`, "not written by this release"},
		{viewText, `"protocol":1`, `"protocol":2`, "protocol 2"},
		{viewText, `"rules":1`, `"rules":-1`, "rules is -1"},
		{viewText, `"rules":1`, `"rules":1.0`, "rules"},
		{viewText, `"rules":1,`, ``, "not written by this release"},
		{viewText, `"rules":1`, `"rules":1,"rules":1`, "not written by this release"},
		{viewText, `"rules":1`, `"rules":1,"more":1`, "unknown field"},
		{viewText, `00000000deadbeef`, `0000000000000000`, "chain is zero"},
		{viewText, `00000000deadbeef`, `00000000DEADBEEF`, "in lower case"},
		{viewText, `00000000deadbeef`, `deadbeef`, "16 hex digits"},
		{viewText, `00000000deadbeef`, `+000000deadbeef0`, "16 hex digits"},
		{viewText, `"epoch":7`, `"epoch":0`, "epoch is 0"},
		{viewText, `"epoch":7`, `"epoch":-7`, "epoch"},
		{viewText, `"epoch":7`, `"epoch":18446744073709551616`, "epoch"},
		{viewText, `"epoch":7`, `"epoch":null`, "epoch is 0"},
		{viewText, `"epoch":7`, `"epoch":18446744073709551615`, "epoch is 18446744073709551615"},
		{viewText, `ffffffffffffffff`, `000000000000002a`, "twice"},
		{viewText, `"0000000000000001"`, `"000000000000002a"`, "twice"},
		{viewText, `"0000000000000001"`, `"0000000000000000"`, "is nobody"},
		{viewText, `"incarnation":3`, `"incarnation":0`, "is nobody"},
		{viewText, `"target":3`, `"target":-1`, "target is -1"},
		{viewText, `"target":3`, `"target":1073741825`, "target is"},
		{viewText, `"target":3}`, `"target":3}{}`, "after top-level value"},
		{viewText, `"target":3}`, `"target":3`, "unexpected end"},
		{viewText, `127.0.0.1:7001`, `127.0.0.1`, "not host:port"},
		{viewText, `127.0.0.1:7001`, `:7001`, "no such host"},
		{viewText, `127.0.0.1:7001`, `127.0.0.1:0`, "no such port"},
		{viewText, `127.0.0.1:7001`, `127.0.0.1:65536`, "no such port"},
		{viewText, `127.0.0.1:7001`, `a b:7001`, "no such host"},
		{viewText, `127.0.0.1:7001`, strings.Repeat("a", 254) + `:7001`, "no such host"},
		{serverText, `"v":1`, `"v":2`, "version 2"},
		{serverText, `[41,7]`, `[41]`, "not written by this release"},
		{serverText, `[41,7]`, `[41,7,8]`, "not written by this release"},
		{serverText, `[41,7]`, `[41,-7]`, "last"},
		{serverText, `"last":[41,7],`, ``, "not written by this release"},
		{serverText, `["000000000000002a.3"]`, `null`, "not written by this release"},
		{serverText, `2a.3"]`, `2a.03"]`, "not that of a registration"},
		{serverText, `2a.3"]`, `2a.0"]`, "not that of a registration"},
		{serverText, `2a.3"]`, `2a"]`, "not that of a registration"},
		{serverText, `5d4f7ae0-6a5b`, `<b>`, "not plain"},
		{serverText, `5d4f7ae0-6a5b`, strings.Repeat("b", 129), "more than 128 bytes"},
		{serverText, `"protocol":1`, `"protocol":-1`, "protocol is -1"},
		{serverText, `"leaving":false`, `"leaving":0`, "leaving"},
		{serverText, `1500`, `-1`, "timeout_ms is -1"},
		{serverText, `1500`, `9223372036854775807`, "timeout_ms is 9223372036854775807"},
		{serverText, `1500`, `1.5`, "timeout_ms"},
		{serverText, serverText, `[]`, "cannot unmarshal"},
		{serverText, serverText, ``, "unexpected end"},
		{serverText, serverText, strings.Repeat(" ", coord.MaxRecordBytes) + serverText, "at most 524288"},
	} {
		text := strings.Replace(c.record, c.from, c.to, 1)
		if text == c.record {
			t.Errorf("%s: not in the record", c.from)
		}
		var err error
		if c.record == viewText {
			_, err = coord.DecodeView([]byte(text))
		} else {
			_, err = coord.DecodeRegistration(someone, []byte(text))
		}
		if !errors.Is(err, coord.ErrInvalid) || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%.40s for %s:\n got error %v\nwant one that says %s", c.to, c.from, err, c.says)
		}
	}
}

func TestEncodeBounds(t *testing.T) {
	most := chain.View{Chain: 1, Epoch: 1 << 62, Target: 1 << 30, Rules: 1 << 30}
	host := strings.Repeat("h", 253)
	for i := range coord.MaxMembers {
		m := chain.MemberID{Node: chain.NodeID(i + 1), Incarnation: 1<<64 - 1}
		most.Members = append(most.Members, chain.Member{MemberID: m, Address: host + ":65535"})
	}
	data, err := coord.EncodeView(most)
	if err != nil {
		t.Fatalf("the largest view: %v", err)
	}
	if v, err := coord.DecodeView(data); err != nil || !reflect.DeepEqual(v, most) {
		t.Errorf("the largest view, of %d bytes: %v", len(data), err)
	}
	most.Members = append(most.Members, chain.Member{MemberID: chain.MemberID{Node: 1 << 40, Incarnation: 1}, Address: "h:1"})
	if _, err := coord.EncodeView(most); !errors.Is(err, coord.ErrInvalid) {
		t.Errorf("a view of %d members: got error %v", len(most.Members), err)
	}
	r := server
	r.Silent = make([]chain.MemberID, coord.MaxMembers+1)
	if _, err := coord.EncodeRegistration(r); !errors.Is(err, coord.ErrInvalid) {
		t.Errorf("a registration with %d silent members: got error %v", len(r.Silent), err)
	}
}

func TestName(t *testing.T) {
	if name := coord.Name(someone); name != "000000000000002a.3" {
		t.Errorf("Name: got %s", name)
	}
	if m, err := coord.ParseName("000000000000002a.3"); err != nil || m != someone {
		t.Errorf("ParseName: got %v, %v", m, err)
	}
	for _, name := range []string{
		"", ".", "000000000000002a", "000000000000002a.", "000000000000002a.03", "000000000000002a.+3", "000000000000002a.3.3",
		"000000000000002A.3", "2a.3", "0000000000000000.3", "000000000000002a.0", "000000000000002a.18446744073709551616",
	} {
		if m, err := coord.ParseName(name); !errors.Is(err, coord.ErrInvalid) {
			t.Errorf("ParseName(%q): got %v, %v", name, m, err)
		}
	}
}

func TestOutcome(t *testing.T) {
	for err, want := range map[error]chain.Outcome{
		nil:               chain.OutcomeOK,
		coord.ErrConflict: chain.OutcomeConflict,
		coord.ErrMissing:  chain.OutcomeMissing,
		coord.ErrUnknown:  chain.OutcomeUnknown,
		coord.ErrClosed:   chain.OutcomeUnknown,
		coord.ErrInvalid:  chain.OutcomeUnknown,
		errors.New("any"): chain.OutcomeUnknown,
	} {
		if err != nil {
			err = fmt.Errorf("wrapped: %w", err)
		}
		if got := coord.Outcome(err); got != want {
			t.Errorf("Outcome(%v): got %d, want %d", err, got, want)
		}
	}
}

func FuzzDecodeView(f *testing.F) {
	f.Add([]byte(viewText))
	f.Add([]byte(serverText))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := coord.DecodeView(data)
		if err != nil {
			if !errors.Is(err, coord.ErrInvalid) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again, err := coord.EncodeView(v)
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		if w, err := coord.DecodeView(again); err != nil || !reflect.DeepEqual(v, w) {
			t.Fatalf("decoded again: %v\n got %+v\nwant %+v", err, w, v)
		}
	})
}

func FuzzDecodeRegistration(f *testing.F) {
	f.Add([]byte(serverText))
	f.Add([]byte(viewText))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := coord.DecodeRegistration(someone, data)
		if err != nil {
			if !errors.Is(err, coord.ErrInvalid) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again, err := coord.EncodeRegistration(r)
		if err != nil {
			t.Fatalf("decoded, but does not encode: %v", err)
		}
		if w, err := coord.DecodeRegistration(someone, again); err != nil || !reflect.DeepEqual(r, w) {
			t.Fatalf("decoded again: %v\n got %+v\nwant %+v", err, w, r)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("000000000000002a.3")
	f.Fuzz(func(t *testing.T, name string) {
		if m, err := coord.ParseName(name); err == nil && coord.Name(m) != name {
			t.Fatalf("%q is read as %v", name, m)
		}
	})
}
