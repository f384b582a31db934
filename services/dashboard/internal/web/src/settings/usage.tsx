import type { Schemas } from "../api";
import { asCount, asPercent, asUtcDay } from "../format";
import { Card, Fact, Failure, Loading } from "../parts/ui";
import { keptFor, usedOf, useUsage } from "./use-usage";

type Usage = Schemas["Usage"];

/** What the account has used this month, and what its plan allows. */
export function UsageView() {
  const usage = useUsage();
  if (usage.isPending) return <Loading what="Loading the usage" />;
  if (usage.error) return <Failure error={usage.error} />;
  return (
    <div className="space-y-4">
      <Month usage={usage.data} />
      <Days usage={usage.data} />
      <Types usage={usage.data} />
      <Allowed usage={usage.data} />
    </div>
  );
}

function Month({ usage }: { usage: Usage }) {
  const { signals_limit: limit, signals_used: used } = usage;
  return (
    <Card label="This month">
      <h2 className="mb-3 font-semibold">
        Signals in {usage.month} <span className="font-normal text-soft">· plan {usage.plan}</span>
      </h2>
      {limit === undefined ? (
        <p>{asCount(usage.signals)} stored. The plan has no monthly limit.</p>
      ) : (
        <Meter limit={limit} used={used} usage={usage} />
      )}
    </Card>
  );
}

function Meter({ limit, used, usage }: { limit: number; used: number | undefined; usage: Usage }) {
  if (used === undefined) return <p>{asCount(limit)} a month. How much of it is used cannot be read right now.</p>;
  const share = used / limit;
  return (
    <>
      <p className="mb-2">
        {asCount(used)} of {asCount(limit)} used ({asPercent(share)})
      </p>
      <div
        role="meter"
        aria-label="Used of the monthly limit"
        aria-valuemin={0}
        aria-valuemax={limit}
        aria-valuenow={Math.min(used, limit)}
        className="h-3 overflow-hidden rounded-full border border-line bg-ground"
      >
        <div className="h-full" style={{ width: `${Math.min(1, share) * 100}%`, background: share >= 0.8 ? "var(--bad)" : "var(--accent)" }} />
      </div>
      <p className="mt-2 text-sm text-soft">{outlook(limit, used, usage)}</p>
    </>
  );
}

/** What comes of it before the month ends. */
function outlook(limit: number, used: number, usage: Usage): string {
  const reset = `The count begins anew on ${asUtcDay(usage.resets_at)} (UTC).`;
  const grace = usage.signals_grace ?? 0;
  if (used >= limit + grace) return `The limit is used up, and signals are refused. ${reset}`;
  if (used >= limit) return `The limit is used up. Up to ${asCount(limit + grace - used)} more are accepted before signals are refused. ${reset}`;
  if (usage.limit_reached_at !== undefined) return `At this month's pace the limit is reached on ${asUtcDay(usage.limit_reached_at)} (UTC). ${reset}`;
  return `At this month's pace the limit is not reached. ${reset}`;
}

function Days({ usage }: { usage: Usage }) {
  const days = usage.by_day ?? [];
  if (days.length === 0) return null;
  const most = Math.max(1, ...days.map((day) => day.count + (day.dropped ?? 0)));
  const dropped = days.reduce((sum, day) => sum + (day.dropped ?? 0), 0);
  const height = (n: number) => `${(n / most) * 100}%`;
  return (
    <Card label="By day">
      <h2 className="mb-3 font-semibold">By day</h2>
      <div className="overflow-x-auto" tabIndex={0} role="group" aria-label="Signals by day">
        <ol className="flex h-32 items-end gap-1">
          {days.map((day) => (
            <li key={day.day} className="flex h-full min-w-2 flex-1 flex-col justify-end" title={dayText(day)}>
              <span className="sr-only">{dayText(day)}</span>
              {(day.dropped ?? 0) > 0 && <span aria-hidden="true" className="border border-dashed border-bad" style={{ height: height(day.dropped ?? 0) }} />}
              <span aria-hidden="true" className="bg-accent" style={{ height: height(day.count) }} />
            </li>
          ))}
        </ol>
      </div>
      {dropped > 0 && (
        <p className="mt-2 text-sm">
          <span className="font-medium">{asCount(dropped)} dropped</span> because the limit was used up (dashed). Fewer signals on these days say nothing about your users.
        </p>
      )}
    </Card>
  );
}

function dayText(day: Schemas["DayCount"]): string {
  const dropped = day.dropped ?? 0;
  return `${asUtcDay(day.day)}: ${asCount(day.count)} stored${dropped > 0 ? `, ${asCount(dropped)} dropped` : ""}`;
}

function Types({ usage }: { usage: Usage }) {
  const types = (usage.by_type ?? []).slice(0, 10);
  if (types.length === 0) return null;
  return (
    <Card label="By type">
      <h2 className="mb-3 font-semibold">By type</h2>
      <ul className="space-y-1 text-sm">
        {types.map(({ type, count }) => (
          <li key={type} className="flex justify-between gap-3">
            <span className="truncate">{type === "" ? "other types" : type}</span>
            <span className="tabular-nums">
              {asCount(count)} · {asPercent(count / Math.max(1, usage.signals))}
            </span>
          </li>
        ))}
      </ul>
      {(usage.tips ?? []).map((tip) => (
        <p key={tip.type} className="mt-3 rounded-lg border border-line bg-ground p-3 text-sm">
          {tip.text}
        </p>
      ))}
    </Card>
  );
}

const names: Record<Schemas["UsageOf"]["name"], string> = { products: "Products", contexts: "Contexts", webhook_endpoints: "Webhook endpoints" };

function Allowed({ usage }: { usage: Usage }) {
  return (
    <Card label="What the plan allows">
      <h2 className="mb-3 font-semibold">What the plan allows</h2>
      <dl className="grid grid-cols-2 gap-4 sm:grid-cols-3">
        {(usage.things ?? []).map(({ name, count, limit }) => (
          <Fact key={name} name={names[name]}>
            {usedOf(count, limit)}
          </Fact>
        ))}
        <Fact name="Analyses today">{usedOf(usage.analyses_today ?? 0, usage.analyses_limit)}</Fact>
        <Fact name="Signals are kept">{keptFor(usage)}</Fact>
      </dl>
      <p className="mt-3 text-sm text-soft">With a smaller plan what there is beyond a limit stays and can be used; nothing can be added. Signals that are older than it keeps them go after a while.</p>
    </Card>
  );
}
