import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import { Link, useSearchParams } from "wouter";
import { api, unwrap, type Signal } from "../api";
import { ago, asMoment } from "../format";
import { FilterChips, useFilters } from "../parts/filters";
import { Button, Chip, Empty, Failure, Loading, Tabs, Title, type Tone } from "../parts/ui";
import { RejectionsView } from "./rejections";

const polarityLooks: Record<Signal["polarity"], [Tone, string]> = {
  positive: ["good", "▲ positive"],
  negative: ["bad", "▼ negative"],
  neutral: ["neutral", "○ neutral"],
};

const views = [
  ["received", "Received"],
  ["rejected", "Rejected"],
] as const;

export function SignalsPage({ product }: { product: string }) {
  const [search] = useSearchParams();
  const view = search.get("view") === "rejected" ? "rejected" : "received";
  const tabs = <Tabs label="Signals" current={view} tabs={views} href={(name) => `/p/${product}/signals${name === "received" ? "" : `?view=${name}`}`} />;
  if (view === "received") return <Received product={product} tabs={tabs} />;
  return (
    <>
      <Title page="Rejected signals">Signals</Title>
      {tabs}
      <RejectionsView product={product} />
    </>
  );
}

function Received({ product, tabs }: { product: string; tabs: ReactNode }) {
  const live = useLive(product);
  const filters = useFilters(product);
  const signals = useInfiniteQuery({
    queryKey: ["signals", product, filters.query],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/api/v1/products/{product_id}/signals", {
          params: { path: { product_id: product }, query: { limit: 50, ...filters.query, ...(pageParam === "" ? {} : { cursor: pageParam }) } },
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
  });
  const items = signals.data?.pages.flatMap((page) => page.items) ?? [];
  const now = Date.now();
  return (
    <>
      <Title aside={<Chip tone={live ? "good" : "warn"}>{live ? "● live" : "○ reconnecting"}</Chip>}>Signals</Title>
      {tabs}
      {signals.isPending && <Loading what="Loading signals" />}
      {signals.error && <Failure error={signals.error} />}
      <FilterChips filters={filters} contextName={items[0]?.context_name} />
      {signals.data && items.length === 0 && filters.list.length > 0 && !signals.hasNextPage && <Empty>No signal is like this.</Empty>}
      {signals.data && items.length === 0 && filters.list.length === 0 && <Empty>Waiting for your first signal. The script tag and a curl example are under Settings; what was sent and refused is under Rejected.</Empty>}
      {items.length > 0 && (
        <div className="overflow-x-auto rounded-xl border border-line bg-card">
          <table className="w-full text-left text-sm">
            <thead className="text-xs text-soft">
              <tr>
                {["Type", "Polarity", "Context", "Where", "Source", "Age"].map((head) => (
                  <th key={head} scope="col" className="px-3 py-2 font-medium">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {items.map((signal) => {
                const [tone, word] = polarityLooks[signal.polarity];
                return (
                  <tr key={signal.id} className="border-t border-line">
                    <td className="px-3 py-2 font-mono">
                      <Link href={filters.hrefWith("type", signal.type)} className="hover:underline">
                        {signal.type}
                      </Link>
                    </td>
                    <td className="px-3 py-2">
                      <Chip tone={tone}>{word}</Chip>
                    </td>
                    <td className="px-3 py-2">
                      <Link href={filters.hrefWith("context", signal.context_id)} className="hover:underline">
                        {signal.context_name}
                      </Link>
                    </td>
                    <td className="max-w-64 truncate px-3 py-2 text-soft">{where(signal)}</td>
                    <td className="px-3 py-2">{signal.source}</td>
                    <td className="px-3 py-2 whitespace-nowrap" title={asMoment(signal.occurred_at)}>
                      {ago(signal.occurred_at, now)}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {signals.hasNextPage && (
        <div className="mt-4 text-center">
          <Button disabled={signals.isFetchingNextPage} onClick={() => void signals.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </>
  );
}

/** Where it happened, as far as the payload says: path, then element or message. */
function where(signal: Signal): string {
  const parts = ["path", "element", "message"].map((key) => signal.payload[key]).filter((part) => typeof part === "string");
  return parts.join(" · ");
}

/** Listens to stored signals and refreshes the list at most once a second. */
function useLive(product: string): boolean {
  const queries = useQueryClient();
  const [connected, setConnected] = useState(false);
  useEffect(() => {
    const stream = new EventSource(`/api/v1/products/${product}/signals/stream`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    stream.onopen = () => setConnected(true);
    stream.onerror = () => setConnected(false);
    stream.addEventListener("signal", () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queries.invalidateQueries({ queryKey: ["signals", product] });
      }, 1000);
    });
    return () => {
      clearTimeout(timer);
      stream.close();
    };
  }, [product, queries]);
  return connected;
}
