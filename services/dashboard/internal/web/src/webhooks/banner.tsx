import { Link } from "wouter";
import { asCount } from "../format";
import { useEndpointStates } from "./queries";

/** Says on every page that Specter has stopped sending somewhere. */
export function DisabledBanner({ product }: { product: string }) {
  const endpoints = useEndpointStates();
  const disabled = endpoints.data?.items.filter((endpoint) => endpoint.status === "disabled") ?? [];
  const [first] = disabled;
  if (first === undefined) return null;
  return (
    <p role="alert" className="mt-3 rounded-lg border border-bad/50 px-3 py-2 text-sm">
      <span className="font-medium text-bad">✕ {disabled.length === 1 ? "A webhook endpoint is disabled." : `${asCount(disabled.length)} webhook endpoints are disabled.`}</span> {first.disabled_reason}{" "}
      <Link href={`/p/${product}/settings?view=webhooks&endpoint=${first.id}`} className="text-accent underline">
        Look at it
      </Link>
    </p>
  );
}
