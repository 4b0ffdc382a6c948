package metrics

import (
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/stream"
)

// maxScrapes is how many scrapes are answered at once; one more is answered with 503.
const maxScrapes = 4

// Backend is the server's replica, as far as it is measured. *replica.Replica is one.
type Backend interface {
	Status() replica.Status
}

// Config is what a Metrics is made of. Every field is required.
type Config struct {
	Backend    Backend
	Limits     *stream.Limits
	Logger     *slog.Logger
	Version    string // of Chaintable
	MaxClients int
	Unread     func() int64 // bytes of replies that clients have not read
}

// Metrics is everything that one server shows Prometheus.
type Metrics struct {
	registry *prometheus.Registry
	logger   *slog.Logger
}

// New makes the Metrics of a server, without any Requests yet.
func New(config Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), logger: config.Logger}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newChain(config.Backend),
		build(config.Version),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "chaintable_clients_limit", Help: "How many clients may be connected.",
		}, func() float64 { return float64(config.MaxClients) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "chaintable_input_bytes", Help: "Memory taken for input of clients and for commands that wait for the chain.",
		}, func() float64 { return float64(config.Limits.Input.Used()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "chaintable_input_limit_bytes", Help: "How much memory may be taken for that, of all connections together.",
		}, func() float64 { return stream.MaxInput }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "chaintable_unread_bytes", Help: "Replies that clients have not read, of all connections together.",
		}, func() float64 { return float64(config.Unread()) }),
	)
	return m
}

// build is a metric that is always 1 and says in its labels what runs.
func build(version string) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "chaintable_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

// Add shows the requests of a protocol. Each protocol is added once.
func (m *Metrics) Add(r *Requests) { m.registry.MustRegister(r) }

// Handler answers Prometheus, in its text format or in OpenMetrics, and compressed if that is wanted.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.logger.Handler(), slog.LevelWarn),
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}
