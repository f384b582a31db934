import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, unwrap, type Context } from "../api";
import { asCount, asMoment } from "../format";
import { whyEmpty } from "../lifecycle";
import { RunNow } from "../parts/run-now";
import { Empty, Failure, Loading } from "../parts/ui";

/** An empty inbox says why, and when Specter looks again. */
export function EmptyInbox({ product }: { product: string }) {
  const contexts = useQuery({
    queryKey: ["contexts", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/contexts", { params: { path: { product_id: product } } })),
    refetchInterval: 15_000,
  });
  if (contexts.isPending) return <Loading what="Looking why" />;
  if (contexts.error) return <Failure error={contexts.error} />;
  const silent = contexts.data.items.every((context) => context.health?.signals_24h === 0);
  return (
    <div className="space-y-4">
      <Empty>
        <p aria-hidden="true" className={`mb-2 text-2xl ${silent ? "" : "text-good"}`}>
          {silent ? "○" : "✓"}
        </p>
        <p className="font-medium text-ink">{whyEmpty(contexts.data.items)}</p>
        <p className="mt-1 text-sm">
          {silent ? (
            <>
              The script tag and the key are under{" "}
              <Link href={`/p/${product}/settings`} className="text-accent underline">
                Settings
              </Link>
              ; what was sent and refused is under{" "}
              <Link href={`/p/${product}/signals?view=rejected`} className="text-accent underline">
                Signals, Rejected
              </Link>
              .
            </>
          ) : (
            "Proposals come here by themselves; each context below says when it is looked at next."
          )}
        </p>
      </Empty>
      <ul className="divide-y divide-line rounded-xl border border-line bg-card">
        {contexts.data.items.map((context) => (
          <Standing key={context.id} context={context} product={product} />
        ))}
      </ul>
    </div>
  );
}

function Standing({ context, product }: { context: Context; product: string }) {
  const health = context.health;
  if (health === undefined) return null;
  const { signals_24h: have, signals_needed: need, last_analysis: last, next_analysis_at: next } = health;
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 text-sm">
      <div className="min-w-0 grow basis-64">
        <p className="font-medium">{context.name}</p>
        <p className="text-soft">{last === undefined ? "Not analysed yet." : `Last analysis ${asMoment(last.finished_at)}: ${last.reason}.`}</p>
        <p className="text-soft">
          {have < need ? (
            <span className="inline-flex items-center gap-2">
              <meter aria-label={`Signals of the ${asCount(need)} that an analysis of ${context.name} needs`} min={0} max={need} value={have} className="w-16" />
              {asCount(have)} of {asCount(need)} signals in 24 h that an analysis needs
            </span>
          ) : next === undefined ? (
            "The next signals make the next analysis due."
          ) : (
            `Next analysis about ${asMoment(next)}.`
          )}
        </p>
      </div>
      <div className="flex flex-wrap gap-2">
        <RunNow context={context} product={product} />
      </div>
    </li>
  );
}
