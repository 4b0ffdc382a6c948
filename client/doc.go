// Package client is the Go client of Chaintable.
package client
