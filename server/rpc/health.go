package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	api "github.com/chaintable/chaintable/api/chaintable/v1"
)

// healthEvery is how often a watched health is looked at.
const healthEvery = 100 * time.Millisecond

// health answers gRPC's health checks: a server in the chain serves. One outside it does not, although it forwards.
type health struct {
	pb.UnimplementedHealthServer
	front *Front
}

// services are the names that can be asked for; "" is the server.
var services = []string{"", api.Table_ServiceDesc.ServiceName, api.Cluster_ServiceDesc.ServiceName}

// of is the health of a service.
func (h health) of(service string) pb.HealthCheckResponse_ServingStatus {
	switch service {
	case "", api.Table_ServiceDesc.ServiceName:
		if !h.front.config.Backend.Serving() {
			return pb.HealthCheckResponse_NOT_SERVING
		}
		return pb.HealthCheckResponse_SERVING
	case api.Cluster_ServiceDesc.ServiceName:
		return pb.HealthCheckResponse_SERVING
	}
	return pb.HealthCheckResponse_SERVICE_UNKNOWN
}

// Check tells how a service is now.
func (h health) Check(_ context.Context, r *pb.HealthCheckRequest) (*pb.HealthCheckResponse, error) {
	s := h.of(r.Service)
	if s == pb.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &pb.HealthCheckResponse{Status: s}, nil
}

// List tells how all services are.
func (h health) List(context.Context, *pb.HealthListRequest) (*pb.HealthListResponse, error) {
	out := &pb.HealthListResponse{Statuses: make(map[string]*pb.HealthCheckResponse)}
	for _, s := range services {
		out.Statuses[s] = &pb.HealthCheckResponse{Status: h.of(s)}
	}
	return out, nil
}

// Watch tells how a service is, now and whenever that changes.
func (h health) Watch(r *pb.HealthCheckRequest, to grpc.ServerStreamingServer[pb.HealthCheckResponse]) error {
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	told := pb.HealthCheckResponse_UNKNOWN
	for {
		if s := h.of(r.Service); s != told {
			if err := to.Send(&pb.HealthCheckResponse{Status: s}); err != nil {
				return err
			}
			told = s
		}
		select {
		case <-ticker.C:
		case <-to.Context().Done():
			return status.FromContextError(to.Context().Err()).Err()
		case <-h.front.stop:
			return status.Error(codes.Unavailable, "the server is stopping")
		}
	}
}
