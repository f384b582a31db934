import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, type Schemas } from "../api";
import type { DeliveryStatus } from "./words";

const endpointPath = (id: string) => ({ params: { path: { endpoint_id: id } } });

export function useEndpoints() {
  return useQuery({ queryKey: ["endpoints"], queryFn: () => unwrap(api.GET("/api/v1/webhook-endpoints", { params: { query: { limit: 100 } } })), refetchInterval: 15_000 });
}

/** How the endpoints stand, without their history: asked for on every page. */
export function useEndpointStates() {
  return useQuery({
    queryKey: ["endpoints", "states"],
    queryFn: () => unwrap(api.GET("/api/v1/webhook-endpoints", { params: { query: { limit: 100, days: false } } })),
    refetchInterval: 60_000,
  });
}

export function useEndpoint(id: string) {
  return useQuery({ queryKey: ["endpoints", id], queryFn: () => unwrap(api.GET("/api/v1/webhook-endpoints/{endpoint_id}", endpointPath(id))), refetchInterval: 5000 });
}

export function useWebhookEvents() {
  return useQuery({ queryKey: ["webhook-events"], queryFn: () => unwrap(api.GET("/api/v1/webhook-events")), staleTime: Infinity });
}

export interface Filter {
  status: DeliveryStatus | undefined;
  event: string | undefined;
  cursor: string | undefined;
}

export function useDeliveries(id: string, filter: Filter) {
  return useQuery({
    queryKey: ["endpoints", id, "deliveries", filter],
    queryFn: () =>
      unwrap(
        api.GET("/api/v1/webhook-endpoints/{endpoint_id}/deliveries", {
          params: { path: { endpoint_id: id }, query: { limit: 25, status: filter.status, event_type: filter.event, cursor: filter.cursor } },
        }),
      ),
    refetchInterval: filter.cursor === undefined ? 3000 : false,
    placeholderData: (before) => before,
  });
}

export function useDelivery(endpoint: string, id: string) {
  return useQuery({
    queryKey: ["endpoints", endpoint, "delivery", id],
    queryFn: () => unwrap(api.GET("/api/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}", { params: { path: { endpoint_id: endpoint, delivery_id: id } } })),
    refetchInterval: 3000,
  });
}

/** A change of endpoints, after which everything shown of them is asked for again. */
export function useChange<V, T>(change: (value: V) => Promise<T>, then?: (result: T) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (result) => {
      void queries.invalidateQueries({ queryKey: ["endpoints"] });
      then?.(result);
    },
  });
}

export const create = (body: Schemas["NewEndpoint"]) => unwrap(api.POST("/api/v1/webhook-endpoints", { body }));
export const update = (id: string, body: Schemas["EndpointPatch"]) => unwrap(api.PATCH("/api/v1/webhook-endpoints/{endpoint_id}", { ...endpointPath(id), body }));
export const remove = (id: string) => unwrap(api.DELETE("/api/v1/webhook-endpoints/{endpoint_id}", endpointPath(id)));
export const test = (id: string) => unwrap(api.POST("/api/v1/webhook-endpoints/{endpoint_id}/test", endpointPath(id)));
export const reveal = (id: string) => unwrap(api.GET("/api/v1/webhook-endpoints/{endpoint_id}/secret", endpointPath(id)));
export const rotate = (id: string, hours: number) => unwrap(api.POST("/api/v1/webhook-endpoints/{endpoint_id}/rotate-secret", { ...endpointPath(id), body: { overlap_hours: hours } }));
export const recover = (id: string, since: string) => unwrap(api.POST("/api/v1/webhook-endpoints/{endpoint_id}/recover", { ...endpointPath(id), body: { since } }));
export const resend = (endpoint: string, id: string) =>
  unwrap(api.POST("/api/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/resend", { params: { path: { endpoint_id: endpoint, delivery_id: id } } }));
