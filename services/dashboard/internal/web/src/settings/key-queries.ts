import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap, type Schemas } from "../api";
import type { Grace, Key } from "./credentials";

const keysPath = "/api/v1/products/{product_id}/keys" as const;

/** A product's keys; looked at again by itself, because when they were used changes. */
export function useKeys(product: string) {
  return useQuery({
    queryKey: ["keys", product],
    queryFn: () => unwrap(api.GET(keysPath, { params: { path: { product_id: product }, query: { limit: 100 } } })),
    refetchInterval: 15_000,
  });
}

/** A change of a product's keys; the list is read again afterwards. */
export function useKeyChange<In, Out>(product: string, change: (input: In) => Promise<Out>, done?: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["keys", product] });
      done?.();
    },
  });
}

export function createKey(product: string, body: Schemas["NewApiKey"]) {
  return unwrap(api.POST(keysPath, { params: { path: { product_id: product } }, body }));
}

export function updateKey(product: string, key: Key, body: Schemas["ApiKeyPatch"]) {
  return unwrap(
    api.PATCH("/api/v1/products/{product_id}/keys/{key_id}", {
      params: { path: { product_id: product, key_id: key.id }, header: { "If-Match": `"v${key.version}"` } },
      body,
    }),
  );
}

export function rollKey(product: string, key: Key) {
  return (grace: Grace) =>
    unwrap(api.POST("/api/v1/products/{product_id}/keys/{key_id}/roll", { params: { path: { product_id: product, key_id: key.id } }, body: { grace } }));
}

export function revokeKey(product: string, id: string) {
  return unwrap(api.DELETE("/api/v1/products/{product_id}/keys/{key_id}", { params: { path: { product_id: product, key_id: id } } }));
}
