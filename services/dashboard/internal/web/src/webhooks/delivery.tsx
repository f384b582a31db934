import { asCount, asMoment, prettyJson } from "../format";
import { Button, Failure, Loading } from "../parts/ui";
import { resend, useChange, useDelivery } from "./queries";
import type { Attempt, Endpoint } from "./words";

/** One delivery: what was sent, and what came back of each attempt. */
export function DeliveryDetail({ endpoint, id }: { endpoint: Endpoint; id: string }) {
  const delivery = useDelivery(endpoint.id, id);
  const again = useChange(() => resend(endpoint.id, id));
  if (delivery.isPending) return <Loading what="Loading the delivery" />;
  if (delivery.error) return <Failure error={delivery.error} />;
  const sending = endpoint.status === "enabled" || endpoint.status === "failing";
  return (
    <div className="mt-2 space-y-3 rounded-lg border border-line p-3">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="text-xs text-soft">
          webhook-id <code>{delivery.data.event_id}</code>
          {delivery.data.resends > 0 && ` · asked for again ${asCount(delivery.data.resends)}×`}
        </p>
        <Button onClick={() => again.mutate(undefined)} disabled={again.isPending || !sending} title={sending ? undefined : "Resume the endpoint first"}>
          <span aria-live="polite">{again.isSuccess ? "On its way again" : "Send again"}</span>
        </Button>
      </div>
      {again.error && <Failure error={again.error} />}
      <div>
        <h3 className="mb-1 text-xs font-medium">Body</h3>
        <pre tabIndex={0} aria-label="Body" className="max-h-72 overflow-auto rounded-lg bg-ground p-3 text-xs">
          {prettyJson(delivery.data.body ?? "")}
        </pre>
      </div>
      <ol className="space-y-3">{delivery.data.log?.map((attempt) => <OneAttempt key={attempt.attempt} attempt={attempt} />)}</ol>
    </div>
  );
}

function OneAttempt({ attempt }: { attempt: Attempt }) {
  return (
    <li className="text-xs">
      <p className="font-medium">
        Attempt {attempt.attempt}: {attempt.status_code === undefined ? (attempt.error ?? "no answer") : `answered ${attempt.status_code}`} after {asCount(attempt.duration_ms)} ms
        <span className="font-normal text-soft"> · {asMoment(attempt.at)}</span>
      </p>
      <div className="mt-1 grid gap-2 md:grid-cols-2">
        <Headers name="Request" first={attempt.request_url === undefined ? undefined : `POST ${attempt.request_url}`} headers={attempt.request_headers} />
        <Headers name="Response" first={attempt.error} headers={attempt.response_headers} last={attempt.response_excerpt} />
      </div>
    </li>
  );
}

function Headers({ name, first, headers, last }: { name: string; first?: string | undefined; headers?: Record<string, string> | undefined; last?: string | undefined }) {
  const lines = [first, ...Object.entries(headers ?? {}).map(([key, value]) => `${key}: ${value}`)].filter((line) => line !== undefined);
  return (
    <pre tabIndex={0} aria-label={name} className="max-h-48 overflow-auto rounded-lg bg-ground p-2 whitespace-pre-wrap break-all">
      {lines.join("\n")}
      {last !== undefined && last !== "" && `\n\n${last}`}
      {lines.length === 0 && (last === undefined || last === "") && "–"}
    </pre>
  );
}
