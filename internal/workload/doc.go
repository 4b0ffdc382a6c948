// Package workload puts load on a store and measures how it answers. It knows no client: it drives a Target, so that the same load can be put on
// different systems.
//
// The workloads are reads, writes, a mix of both, and A to F of YCSB (Cooper et al., Benchmarking Cloud Serving Systems with YCSB, SoCC '10), with its
// generators: Zipf's distribution as Gray et al. draw it (Quickly Generating Billion-Record Synthetic Databases, SIGMOD '94), scattered over the keys by
// a hash, with the constant 0.99. What is asked comes from a seed: each goroutine asks the same with the same seed, as long as answers do not decide what comes next (F reads
// before it writes, D reads what was inserted).
//
// # Two loops
//
// In the closed loop each goroutine asks when it has its answer. A store that stands still for a second is then asked less, and what would have been asked
// meanwhile is missing from the percentiles: the coordinated omission of Gil Tene. HdrHistogram's correction adds it, on the assumption that a goroutine would have asked
// again after an interval; both figures are in the Result.
//
// In the open loop requests are due at a fixed rate, whatever the answers do, and a request's latency counts from when it was due. So nothing is omitted, and a
// store that is slower than the rate shows it. As many requests are under way as there are goroutines. If one is due and all are taken, it waits for the first that
// is free; it is counted as late, and the wait is part of its latency. What was due and could not even begin before the end is counted as not begun, and is
// in the total's latency with the time that it had waited by then, which is the least that it could have taken.
package workload
