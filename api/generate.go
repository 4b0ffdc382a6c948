// Package api has nothing but the formats that servers and clients exchange and store, as .proto files and the Go code
// generated from them. `go generate ./api` makes that code anew.
package api

//go:generate ./generate
