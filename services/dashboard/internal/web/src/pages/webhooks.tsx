import { useSearchParams } from "wouter";
import { EndpointDetail } from "../webhooks/endpoint";
import { EndpointList } from "../webhooks/list";

/** Settings → Webhooks: the endpoints, or the one that the address names. */
export function WebhooksView({ product }: { product: string }) {
  const [search] = useSearchParams();
  const base = `/p/${product}/settings?view=webhooks`;
  const endpoint = search.get("endpoint");
  return endpoint === null ? <EndpointList href={(id) => `${base}&endpoint=${id}`} /> : <EndpointDetail key={endpoint} id={endpoint} back={base} />;
}
