import { useQueries } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, unwrap, type Signal } from "../api";
import { signalsHref } from "../figures";
import { asUtc } from "../format";
import { Button } from "../parts/ui";

const few = 5;

/** Signals that show the trouble, as they came. */
export function Examples({ ids, product }: { ids: string[]; product: string }) {
  const [all, setAll] = useState(false);
  const shown = all ? ids : ids.slice(0, few);
  const receipts = useQueries({
    queries: shown.map((id) => ({
      queryKey: ["signal", id],
      queryFn: () => unwrap(api.GET("/api/v1/signals/{signal_id}", { params: { path: { signal_id: id } } })),
      staleTime: Number.POSITIVE_INFINITY, // what happened does not change
      refetchInterval: false as const,
    })),
  });
  return (
    <section>
      <h4 className="mb-2 text-sm font-medium">Example signals</h4>
      <ul className="divide-y divide-line rounded-lg border border-line text-sm">
        {receipts.map((receipt, i) => (
          <li key={shown[i]} className="px-3 py-2">
            {receipt.data?.signal !== undefined ? <Example signal={receipt.data.signal} product={product} /> : <p className="text-soft">{receipt.isPending ? "Loading…" : "It is not kept any more."}</p>}
          </li>
        ))}
      </ul>
      {ids.length > few && !all && (
        <Button className="mt-2" onClick={() => setAll(true)}>
          Show {ids.length - few} more
        </Button>
      )}
    </section>
  );
}

function Example({ signal, product }: { signal: Signal; product: string }) {
  const details = Object.entries(signal.payload)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([name, value]) => `${name} ${String(value)}`);
  const session = signal.session_id;
  return (
    <div className="flex flex-wrap items-baseline gap-x-3 gap-y-0.5 sm:flex-nowrap">
      <span className="font-mono">{signal.type}</span>
      <span className="text-xs whitespace-nowrap text-soft">{asUtc(signal.occurred_at)}</span>
      <span className="order-last min-w-0 basis-full truncate text-xs text-soft sm:order-none sm:grow sm:basis-0" title={details.join(" · ")}>
        {details.join(" · ")}
      </span>
      {session !== undefined && (
        <Link href={`${signalsHref(product, { context: signal.context_id })}&session=${encodeURIComponent(session)}`} className="ml-auto text-xs whitespace-nowrap text-accent underline">
          its session
        </Link>
      )}
    </div>
  );
}
