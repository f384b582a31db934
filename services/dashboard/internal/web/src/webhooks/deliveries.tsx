import { useSearchParams } from "wouter";
import { asCounted, asMoment } from "../format";
import { Button, Card, Chip, Empty, Failure, inputClass, Loading } from "../parts/ui";
import { DeliveryDetail } from "./delivery";
import { useDeliveries, useWebhookEvents } from "./queries";
import { deliveryState, lastAnswer, type DeliveryStatus, type Endpoint } from "./words";

const statuses: readonly (readonly [DeliveryStatus, string])[] = [
  ["delivered", "Delivered"],
  ["pending", "Pending"],
  ["failed", "Failed"],
  ["dropped", "Not sent"],
];

/** The delivery log of one endpoint; filters and the open delivery are in the address. */
export function Deliveries({ endpoint }: { endpoint: Endpoint }) {
  const [search, setSearch] = useSearchParams();
  const choose = (changes: Record<string, string | undefined>) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value === undefined || value === "") next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  const status = statuses.find(([name]) => name === search.get("status"))?.[0];
  const event = search.get("event") ?? undefined;
  const cursor = search.get("from") ?? undefined;
  const open = search.get("delivery") ?? undefined;
  const deliveries = useDeliveries(endpoint.id, { status, event, cursor });
  const events = useWebhookEvents();
  return (
    <Card label="Deliveries">
      <div className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <div>
          <h2 className="font-semibold">Deliveries</h2>
          <p className="text-xs text-soft">Of the last 30 days, newest first.</p>
        </div>
        <div className="flex flex-wrap gap-2">
          <select aria-label="Status" className={`${inputClass} sm:w-40`} value={status ?? ""} onChange={(e) => choose({ status: e.target.value, from: undefined })}>
            <option value="">Any status</option>
            {statuses.map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
          <select aria-label="Event" className={`${inputClass} sm:w-60`} value={event ?? ""} onChange={(e) => choose({ event: e.target.value, from: undefined })}>
            <option value="">Any event</option>
            {events.data?.items.map((item) => <option key={item.name}>{item.name}</option>)}
          </select>
        </div>
      </div>
      {deliveries.isPending && <Loading what="Loading deliveries" />}
      {deliveries.error && <Failure error={deliveries.error} />}
      {deliveries.data?.items.length === 0 && <Empty>{status === undefined && event === undefined ? "Nothing was sent yet. A test event shows at once whether it arrives." : "No such deliveries."}</Empty>}
      <ul className="divide-y divide-line">
        {deliveries.data?.items.map((delivery) => {
          const state = deliveryState(delivery);
          return (
            <li key={delivery.id} className="py-2 text-sm">
              <button
                type="button"
                aria-expanded={open === delivery.id}
                className="flex w-full cursor-pointer flex-wrap items-center gap-x-3 gap-y-1 text-left hover:text-accent"
                onClick={() => choose({ delivery: open === delivery.id ? undefined : delivery.id })}
              >
                <Chip tone={state.tone}>{state.words}</Chip>
                <code>{delivery.event_type}</code>
                <span className="text-soft">
                  {lastAnswer(delivery)} · {asCounted(delivery.attempts, "attempt")}
                  {state.why !== undefined && ` · ${state.why}`}
                </span>
                <time className="ml-auto text-xs text-soft" dateTime={delivery.created_at}>
                  {asMoment(delivery.created_at)}
                </time>
              </button>
              {open === delivery.id && <DeliveryDetail endpoint={endpoint} id={delivery.id} />}
            </li>
          );
        })}
      </ul>
      <div className="mt-3 flex gap-2">
        {cursor !== undefined && <Button onClick={() => choose({ from: undefined })}>Newest</Button>}
        {deliveries.data?.next_cursor !== undefined && <Button onClick={() => choose({ from: deliveries.data?.next_cursor })}>Older</Button>}
      </div>
    </Card>
  );
}
