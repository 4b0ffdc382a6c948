// Package web tells over HTTP how a server is: /healthz, /readyz and /status. It changes nothing and takes only GET and
// HEAD.
package web
