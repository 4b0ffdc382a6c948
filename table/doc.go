// Package table is the state that a chain of replicas keeps: keys with values, and what makes a retried command take
// effect once. It applies entries, answers reads, and gives and takes snapshots. It does no I/O and knows no time.
package table
