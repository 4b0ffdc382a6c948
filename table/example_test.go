package table_test

import (
	"fmt"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// A command arrives twice, because its client did not get the first answer.
func Example() {
	t := table.New(table.Config{})
	session := t.Apply(&chain.Entry{Seq: 1, Epoch: 1, Kind: chain.KindSession}).Count

	command := table.Command{Op: table.OpIncrement, Keys: [][]byte{[]byte("visits")}, Delta: 1}
	for seq := chain.Seq(2); seq <= 3; seq++ {
		result := t.Apply(&chain.Entry{
			Seq: seq, Epoch: 1, Kind: chain.KindCommand, Command: command.Append(nil),
			Request: chain.RequestID{Session: chain.SessionID(session), Number: 1},
		})
		fmt.Println(result.Code, result.Seq, result.Count)
	}

	value, version, _ := t.Get([]byte("visits"))
	fmt.Printf("%s, written by %d; entry 2 is %v, entry 3 %v\n", value, version, t.Fate(2), t.Fate(3))
	// Output:
	// ok 2 1
	// ok 2 1
	// 1, written by 2; entry 2 is executed, entry 3 executed
}
