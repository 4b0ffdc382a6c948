package coord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// Limits of a record. The longest stays below what ZooKeeper takes in one packet (1 MiB).
const (
	// MaxRecordBytes is the most that a record may have in JSON.
	MaxRecordBytes = 512 << 10
	// MaxMembers is the most members a view may have, and the most that a registration may call silent.
	MaxMembers = 1000
)

const (
	recordVersion = 1 // "v" of both records
	protocol      = 1 // "protocol" of the view: what all members must speak; this release speaks no other
)

type memberRecord struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation"`
	Address     string `json:"address"`
	Durable     bool   `json:"durable"`
}

type viewRecord struct {
	V        int            `json:"v"`
	Protocol int            `json:"protocol"`
	Rules    int            `json:"rules"`
	Chain    string         `json:"chain"`
	Epoch    uint64         `json:"epoch"`
	Members  []memberRecord `json:"members"`
	Learner  *memberRecord  `json:"learner"`
	Target   int            `json:"target"`
}

type registrationRecord struct {
	V        int        `json:"v"`
	Protocol int        `json:"protocol"`
	Rules    int        `json:"rules"`
	Address  string     `json:"address"`
	Durable  bool       `json:"durable"`
	Boot     string     `json:"boot"`
	Last     *[2]uint64 `json:"last"` // seq, epoch; null for an incomplete log
	Silent   []string   `json:"silent"`
	Leaving  bool       `json:"leaving"`
	Timeout  int64      `json:"timeout_ms"`
}

// EncodeView is the record of v. ErrInvalid: it could not be read again.
func EncodeView(v chain.View) ([]byte, error) {
	data, err := encodeView(v)
	if err != nil {
		return nil, fmt.Errorf("coord: encode view: %w", err)
	}
	return data, nil
}

func encodeView(v chain.View) ([]byte, error) {
	if err := checkView(v); err != nil {
		return nil, err
	}
	r := viewRecord{
		V: recordVersion, Protocol: protocol, Rules: v.Rules,
		Chain: v.Chain.String(), Epoch: uint64(v.Epoch), Target: v.Target,
		Members: make([]memberRecord, len(v.Members)),
	}
	for i, m := range v.Members {
		r.Members[i] = toRecord(m)
	}
	if v.Learner != (chain.Member{}) {
		learner := toRecord(v.Learner)
		r.Learner = &learner
	}
	return encode(r)
}

// DecodeView reads a record that EncodeView wrote. All errors are ErrInvalid. The view shares nothing with data.
func DecodeView(data []byte) (chain.View, error) {
	v, err := decodeView(data)
	if err != nil {
		return chain.View{}, fmt.Errorf("coord: decode view: %w", err)
	}
	return v, nil
}

func decodeView(data []byte) (v chain.View, err error) {
	var r viewRecord
	if err := decode(data, &r); err != nil {
		return v, err
	}
	if r.Protocol != protocol {
		return v, invalid("protocol %d, this release speaks %d", r.Protocol, protocol)
	}
	if len(r.Members) > MaxMembers {
		return v, invalid("%d members, at most %d", len(r.Members), MaxMembers)
	}
	v = chain.View{Epoch: chain.Epoch(r.Epoch), Target: r.Target, Rules: r.Rules, Members: make([]chain.Member, len(r.Members))}
	if v.Chain, err = chain.ParseID(r.Chain); err != nil {
		return v, invalid("%w", err)
	}
	for i := range r.Members {
		if v.Members[i], err = fromRecord(r.Members[i]); err != nil {
			return v, err
		}
	}
	if r.Learner != nil {
		if v.Learner, err = fromRecord(*r.Learner); err != nil {
			return v, err
		}
	}
	again, err := encodeView(v)
	if err != nil {
		return v, err
	}
	return v, same(data, again)
}

// EncodeRegistration is the record of r, which does not hold the MemberID: that is the record's name. ErrInvalid: it
// could not be read again.
func EncodeRegistration(r chain.Registration) ([]byte, error) {
	data, err := encodeRegistration(r)
	if err != nil {
		return nil, fmt.Errorf("coord: encode registration %v: %w", r.MemberID, err)
	}
	return data, nil
}

func encodeRegistration(r chain.Registration) ([]byte, error) {
	if err := checkRegistration(r); err != nil {
		return nil, err
	}
	record := registrationRecord{
		V: recordVersion, Protocol: r.Protocol, Rules: r.Rules,
		Address: r.Address, Durable: r.Durable, Boot: r.Boot, Leaving: r.Leaving, Timeout: r.Timeout.Milliseconds(),
		Silent: make([]string, len(r.Silent)),
	}
	if r.Complete {
		record.Last = &[2]uint64{uint64(r.Last.Seq), uint64(r.Last.Epoch)}
	}
	for i, m := range r.Silent {
		record.Silent[i] = Name(m)
	}
	return encode(record)
}

// DecodeRegistration reads a record that EncodeRegistration wrote, under the name of m. All errors are ErrInvalid. The
// registration shares nothing with data; Silent is nil where it is empty.
func DecodeRegistration(m chain.MemberID, data []byte) (chain.Registration, error) {
	r, err := decodeRegistration(m, data)
	if err != nil {
		return chain.Registration{}, fmt.Errorf("coord: decode registration %v: %w", m, err)
	}
	return r, nil
}

func decodeRegistration(m chain.MemberID, data []byte) (r chain.Registration, err error) {
	var record registrationRecord
	if err := decode(data, &record); err != nil {
		return r, err
	}
	if record.Timeout < 0 || record.Timeout > maxTimeout.Milliseconds() {
		return r, invalid("timeout_ms is %d", record.Timeout)
	}
	if len(record.Silent) > MaxMembers {
		return r, invalid("%d silent members, at most %d", len(record.Silent), MaxMembers)
	}
	r = chain.Registration{
		Member:   chain.Member{MemberID: m, Address: record.Address, Durable: record.Durable},
		Protocol: record.Protocol, Rules: record.Rules, Boot: record.Boot, Leaving: record.Leaving,
		Timeout: time.Duration(record.Timeout) * time.Millisecond,
	}
	if record.Last != nil {
		r.Complete = true
		r.Last = chain.Position{Seq: chain.Seq(record.Last[0]), Epoch: chain.Epoch(record.Last[1])}
	}
	for _, name := range record.Silent {
		silent, err := ParseName(name)
		if err != nil {
			return r, err
		}
		r.Silent = append(r.Silent, silent)
	}
	again, err := encodeRegistration(r)
	if err != nil {
		return r, err
	}
	return r, same(data, again)
}

// Unreadable stands in a list for the registration of m whose record cannot be decoded. It says that m is leaving: so
// nobody adds m to the chain, but a member m counts as alive while somebody goes on writing its record.
func Unreadable(m chain.MemberID) chain.Registration {
	return chain.Registration{Member: chain.Member{MemberID: m}, Leaving: true}
}

// Name is the name of m's registration: "000000000000002a.3".
func Name(m chain.MemberID) string { return m.String() }

// ParseName reads what Name wrote. All errors are ErrInvalid.
func ParseName(name string) (chain.MemberID, error) {
	node, incarnation, _ := strings.Cut(name, ".")
	id, err := chain.ParseNodeID(node)
	if err != nil {
		return chain.MemberID{}, invalid("name %.60q: %w", name, err)
	}
	n, err := strconv.ParseUint(incarnation, 10, 64)
	m := chain.MemberID{Node: id, Incarnation: chain.Incarnation(n)}
	if err != nil || id == 0 || n == 0 || Name(m) != name {
		return chain.MemberID{}, invalid("name %.60q is not that of a registration", name)
	}
	return m, nil
}

func toRecord(m chain.Member) memberRecord {
	return memberRecord{ID: m.Node.String(), Incarnation: uint64(m.Incarnation), Address: m.Address, Durable: m.Durable}
}

func fromRecord(r memberRecord) (chain.Member, error) {
	id, err := chain.ParseNodeID(r.ID)
	if err != nil {
		return chain.Member{}, invalid("%w", err)
	}
	m := chain.MemberID{Node: id, Incarnation: chain.Incarnation(r.Incarnation)}
	return chain.Member{MemberID: m, Address: r.Address, Durable: r.Durable}, nil
}

func encode(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, invalid("%w", err)
	}
	if len(data) > MaxRecordBytes {
		return nil, invalid("%d bytes, at most %d", len(data), MaxRecordBytes)
	}
	return data, nil
}

func decode(data []byte, record any) error {
	if len(data) > MaxRecordBytes {
		return invalid("%d bytes, at most %d", len(data), MaxRecordBytes)
	}
	// The version first, so that a later release's record is called that.
	var version struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return invalid("%w", err)
	}
	if version.V != recordVersion {
		return invalid("version %d, this release knows %d", version.V, recordVersion)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(record); err != nil {
		return invalid("%w", err)
	}
	return nil
}

// same refuses what decodes but would not have been encoded so: fields doubled, missing or of another case.
func same(data, again []byte) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return invalid("%w", err)
	}
	if !bytes.Equal(compact.Bytes(), again) {
		return invalid("not written by this release: it would be %.200s", again)
	}
	return nil
}
