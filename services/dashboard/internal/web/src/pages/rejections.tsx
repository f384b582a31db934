import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, unwrap, type Schemas } from "../api";
import { ago, asCount, asDay, asMoment, prettyJson } from "../format";
import { Bars } from "../parts/bars";
import { Card, Chip, Empty, Fact, Failure, Loading } from "../parts/ui";

type Rejections = Schemas["Rejections"];
type Sample = Schemas["RejectionSample"];
type Range = "24h" | "7d" | "30d";

const ranges: [Range, string][] = [
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
];

// What the person who sends can do about each code.
const advice: Record<string, string> = {
  invalid_json: "The body is not the JSON the API reads. The sample shows where it breaks off.",
  missing_type: "Each signal needs a type of 1 to 100 characters.",
  type_too_long: "Shorten the type to 100 characters.",
  payload_too_large: "Send less in the payload, or fewer signals at once.",
  too_deep: "Flatten the payload.",
  unknown_context: "The context_id belongs to no context of this product. Leave it out or take one from Contexts.",
  batch_too_large: "Send fewer signals at once.",
  key_revoked: "The key was revoked. Take the current one from Settings.",
  key_expired: "The key has expired. Take the current one from Settings, or move its end.",
  origin_not_allowed: "The key may not be used by this page, or by requests that name none. Change its allowed origins in Settings.",
  key_scope: "The key may not be used from this origin. Change its allowed origins.",
  quota_exceeded: "The month's signals are used up. They come again when the month ends.",
  rate_limited: "Too many signals a second. Clients that heed Retry-After send them again.",
  unavailable: "Specter could not store them for a moment. Clients that heed Retry-After send them again.",
};

export function RejectionsView({ product }: { product: string }) {
  const [search, setSearch] = useSearchParams();
  const range = ranges.find(([name]) => name === search.get("range"))?.[0] ?? "24h";
  const code = search.get("code") ?? undefined;
  const choose = (name: string, value: string | undefined) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === undefined) next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  const rejections = useQuery({
    queryKey: ["rejections", product, range],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/rejections", { params: { path: { product_id: product }, query: { range } } })),
    refetchInterval: 5000,
  });
  const products = useQuery({ queryKey: ["products"], queryFn: () => unwrap(api.GET("/api/v1/products")) });
  const zone = products.data?.items.find(({ id }) => id === product)?.time_zone;
  return (
    <div className="space-y-4">
      <div role="group" aria-label="Range" className="flex gap-1">
        {ranges.map(([name, words]) => (
          <button
            key={name}
            type="button"
            aria-pressed={range === name}
            onClick={() => choose("range", name === "24h" ? undefined : name)}
            className={`cursor-pointer rounded-lg border px-3 py-1 text-sm ${range === name ? "border-accent text-accent" : "border-line text-soft hover:text-ink"}`}
          >
            {words}
          </button>
        ))}
      </div>
      {rejections.isPending && <Loading what="Loading rejected signals" />}
      {rejections.error && <Failure error={rejections.error} />}
      {rejections.data && <Overview data={rejections.data} zone={zone} code={code} onCode={(value) => choose("code", value)} />}
    </div>
  );
}

interface OverviewProps {
  data: Rejections;
  zone: string | undefined; // of the product: its days are cut in it
  code: string | undefined;
  onCode: (code: string | undefined) => void;
}

function Overview({ data, zone, code, onCode }: OverviewProps) {
  const now = Date.now();
  const counts = data.points.map((point) => point.counts.filter((c) => code === undefined || c.code === code).reduce((sum, c) => sum + c.count, 0));
  const samples = data.samples.filter((sample) => code === undefined || sample.code === code);
  return (
    <>
      <Card label="Rejected signals">
        <dl className="mb-4 grid grid-cols-2 gap-4 sm:grid-cols-3">
          <Fact name="Rejected">{asCount(counts.reduce((sum, count) => sum + count, 0))}</Fact>
          <Fact name="Last good signal">
            {data.last_good_at === undefined ? "none yet" : <span title={asMoment(data.last_good_at)}>{ago(data.last_good_at, now)}</span>}
          </Fact>
        </dl>
        <Bars counts={counts} label={`Rejected signals by ${data.step}${code === undefined ? "" : `, ${code} only`}`} />
        <p className="mt-1 flex justify-between text-xs text-soft">
          <span>{data.step === "day" ? asDay(data.from, zone) : asMoment(data.from)}</span>
          <span>now</span>
        </p>
      </Card>
      {data.total === 0 && data.samples.length === 0 && <Empty>Nothing was rejected.</Empty>}
      {data.by_code.length > 0 && (
        <div className="overflow-x-auto rounded-xl border border-line bg-card">
          <table className="w-full text-left text-sm">
            <thead className="text-xs text-soft">
              <tr>
                {["Reason", "Count", "Last", "What helps"].map((head) => (
                  <th key={head} scope="col" className="px-3 py-2 font-medium">
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.by_code.map((row) => (
                <tr key={row.code} className="border-t border-line">
                  <td className="px-3 py-2">
                    <button
                      type="button"
                      aria-pressed={code === row.code}
                      onClick={() => onCode(code === row.code ? undefined : row.code)}
                      className={`cursor-pointer font-mono underline decoration-dotted underline-offset-4 ${code === row.code ? "text-accent" : ""}`}
                    >
                      {row.code}
                    </button>
                  </td>
                  <td className="px-3 py-2 tabular-nums">{asCount(row.count)}</td>
                  <td className="px-3 py-2 whitespace-nowrap" title={asMoment(row.last_at)}>
                    {row.last_at === undefined ? "–" : ago(row.last_at, now)}
                  </td>
                  <td className="min-w-56 px-3 py-2 text-soft">{advice[row.code] ?? "The sample says more."}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {samples.length > 0 && (
        <section aria-label="Samples" className="space-y-3">
          <h2 className="font-semibold">Samples, the newest first</h2>
          {samples.map((sample) => (
            <SampleCard key={sample.id} sample={sample} now={now} />
          ))}
        </section>
      )}
    </>
  );
}

function SampleCard({ sample, now }: { sample: Sample; now: number }) {
  const from = [sample.origin, sample.source, sample.user_agent].filter((part) => part !== undefined);
  return (
    <Card>
      <div className="flex flex-wrap items-center gap-2 text-sm">
        <Chip tone="bad">✕ {sample.code}</Chip>
        <span title={asMoment(sample.at)} className="text-soft">
          {ago(sample.at, now)}
        </span>
        {sample.count > 1 && <span className="text-soft">{asCount(sample.count)} signals</span>}
        <span className="text-soft">{from.join(" · ")}</span>
      </div>
      <p className="mt-2 font-medium">{sample.detail}</p>
      {sample.element !== undefined && (
        <pre tabIndex={0} aria-label="What was sent, redacted" className="mt-2 max-h-64 overflow-auto rounded-lg border border-line bg-ground p-3 text-xs whitespace-pre-wrap">
          {prettyJson(sample.element)}
        </pre>
      )}
    </Card>
  );
}
