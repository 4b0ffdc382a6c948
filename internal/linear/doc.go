// Package linear tells whether what clients saw of a store can be explained by one order of their operations that real time
// allows: linearizability (Herlihy & Wing, TOPLAS '90). The search is porcupine's, after Wing & Gong and Lowe.
//
// It knows nothing of chains: a history of the simulator and one of real processes are judged by the same words. Each key is
// judged alone, and a short history also as a whole, because reads and writes of several keys are right or wrong only together. An operation that
// nobody knows the outcome of may take effect at any time after it began, or never.
//
// What is not answered in time is a failure, as is what is wrong: a check that gives up has checked nothing. Check may be called concurrently.
package linear
