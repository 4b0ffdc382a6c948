// Package chain is the protocol of Chaintable: a pure state machine that decides everything about a chain of
// replicas and does nothing itself. It follows van Renesse & Schneider, "Chain Replication for Supporting High
// Throughput and Availability" (OSDI '04), with reads at every replica after Terrace & Freedman, "Object Storage
// on CRAQ" (ATC '09).
package chain
