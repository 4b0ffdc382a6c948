// Package web tells over HTTP how a server is: /healthz, /readyz, /status and /metrics. It changes nothing and takes only GET and
// HEAD.
package web
