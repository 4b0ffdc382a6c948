// Package mutants breaks the rules of design.md, one at a time, and demands that the simulator notices. It is a test of the
// simulator: a rule that can be broken without anybody's notice is either not needed, or a hole in the net.
//
//	mutant_test.go    what a mutant is; how many of them go into one program (go build -overlay)
//	run_test.go       TestMutants: hunts each with sim/hunt, and prints the table
//	section*_test.go  the mutants, by the section of design.md whose rule they break
//	client_test.go    those of the Go client
//
// There is no switch in the code of chain, table and client, and so none in what is released: the edits exist only in the copies that
// the test compiles.
//
//	go test ./sim/mutants -v                     the table
//	go test ./sim/mutants -v -mutant NAME        one, with the story of the seed that finds it
//	go test ./sim/mutants -v -rare -timeout 60m  those that need many seeds, too
package mutants
