// Package calls has what a caller of gRPC needs: one connection to each server (Conns), and whether a call that failed may have reached its server (Flag),
// which its code does not say.
package calls
