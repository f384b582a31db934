import { area, line } from "d3-shape";
import { useQuery } from "@tanstack/react-query";
import { useId, useMemo } from "react";
import { api, unwrap, type Proposal, type Schemas } from "../api";
import { readVolume } from "../evidence";
import { asCount, asPercent, asUtc } from "../format";
import { RefusedHatch, RefusedNote } from "../parts/refused";
import { useWidth } from "../parts/use-width";
import { readSeries, type Bucket, type Series } from "../series";

type Document = Proposal["evidence"];

/** What is drawn of each bucket: the positive ratio, or how much came. */
interface Shape {
  value: (b: Bucket) => number | undefined;
  low: (b: Bucket) => number | undefined;
  high: (b: Bucket) => number | undefined;
  expected: (b: Bucket) => number | undefined;
  text: (value: number) => string;
  name: string;
}

// A ratio of one or two signals is no level.
const leastForRatio = 3;

const ratioShape: Shape = {
  value: (b) => (b.positive + b.negative >= leastForRatio ? b.ratio : undefined),
  low: (b) => b.low,
  high: (b) => b.high,
  expected: (b) => b.expected,
  text: asPercent,
  name: "Positive ratio",
};

/** Of a volume only the window's sum was predicted; each bucket has its part of it. */
function volumeShape(evidence: Document, series: Series): Shape {
  const volume = readVolume(evidence);
  const hours = (series.to - series.from) / 3_600_000;
  const part = (total: number | undefined) => (b: Bucket) => (total === undefined || b.at < series.from || b.at >= series.to ? undefined : (total * b.hours) / hours);
  return {
    value: (b) => b.positive + b.negative,
    low: part(volume?.low),
    high: part(volume?.high),
    expected: part(volume?.expected),
    text: (value) => asCount(Math.round(value)),
    name: "Signals",
  };
}

function useShape(evidence: Document, most: number) {
  return useMemo(() => {
    const counts = readVolume(evidence) !== undefined;
    const series = readSeries(evidence, most, counts);
    if (series === undefined) return undefined;
    return { series, shape: counts ? volumeShape(evidence, series) : ratioShape };
  }, [evidence, most]);
}

const known = (x: number | undefined): x is number => x !== undefined;

/** The evidence at a glance: how it went, and since when it is worse. */
export function EvidenceSparkline({ evidence }: { evidence: Document }) {
  const drawn = useShape(evidence, 28);
  if (drawn === undefined) return null;
  const { series, shape } = drawn;
  const { buckets } = series;
  const width = 88;
  const height = 28;
  const values = buckets.map(shape.value).filter(known);
  const low = Math.min(...values);
  const span = Math.max(Math.max(...values) - low, 0.02);
  const x = (at: number) => 1 + ((at - (buckets[0]?.at ?? 0)) / Math.max(1, (buckets.at(-1)?.at ?? 0) - (buckets[0]?.at ?? 0))) * (width - 2);
  const y = (value: number) => height - 3 - ((value - low) / span) * (height - 6);
  const path = line<Bucket>()
    .defined((b) => known(shape.value(b)))
    .x((b) => x(b.at))
    .y((b) => y(shape.value(b) ?? 0));
  return (
    <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} className="shrink-0" aria-hidden="true">
      <path d={path(buckets) ?? ""} fill="none" stroke="var(--soft)" strokeWidth="1.25" strokeLinejoin="round" />
      <path d={path(buckets.filter((b) => b.at >= series.from - (buckets[0]?.hours ?? 0) * 3_600_000)) ?? ""} fill="none" stroke="var(--bad)" strokeWidth="1.75" strokeLinejoin="round" />
    </svg>
  );
}

/** The hours of a series in which signals were refused. A chart is drawn without waiting for them; what is past is asked for once. */
function useRefused(context: string, series: Series | undefined) {
  const from = series?.buckets[0]?.at;
  const to = series?.to;
  const health = useQuery({
    queryKey: ["refused", context, from, to],
    enabled: from !== undefined && to !== undefined,
    refetchInterval: false,
    queryFn: () =>
      unwrap(
        api.GET("/api/v1/contexts/{context_id}/health", {
          params: { path: { context_id: context }, query: { step: "hour", from: asIso(Math.max(from ?? 0, (to ?? 0) - mostHours * hour)), to: asIso(to ?? 0) } },
        }),
      ),
  });
  return (health.data?.points ?? []).filter((p) => p.refused !== undefined);
}

const hour = 3_600_000;
const mostHours = 31 * 24; // of one answer
const asIso = (at: number): string => new Date(at).toISOString();

interface EvidenceChartProps {
  evidence: Document;
  /** The id of the context it is about. */
  context: string;
  /** How sure the beginning is. */
  onset: Pick<Schemas["Finding"], "started_low" | "started_high"> | undefined;
}

/** What was measured, what its history predicted, and the moment it got worse. */
export function EvidenceChart({ evidence, context, onset }: EvidenceChartProps) {
  const [box, width] = useWidth();
  const description = useId();
  const drawn = useShape(evidence, width < 480 ? 48 : 96);
  const refused = useRefused(context, drawn?.series);
  if (drawn === undefined) return null;
  const { series, shape } = drawn;
  const step = (series.buckets[0]?.hours ?? 1) * 3_600_000;
  const inWindow = series.buckets.filter((b) => b.at >= series.from && b.at < series.to).map(shape.value).filter(known);
  const hours = step / 3_600_000;
  return (
    <figure ref={box}>
      <p id={description} className="sr-only">
        {shape.name} in steps of {hours} h from {asUtc(series.buckets[0]?.at)} to {asUtc(series.to)}. It got worse about {asUtc(series.from)}
        {inWindow.length > 0 && `; since then between ${shape.text(Math.min(...inWindow))} and ${shape.text(Math.max(...inWindow))}`}.
      </p>
      {width > 0 && <Plot series={series} shape={shape} refused={refused} onset={onset} width={width} description={description} />}
      <figcaption className="mt-1 flex flex-wrap gap-x-4 gap-y-1 text-xs text-soft">
        <Key stroke="var(--accent)">
          {shape.name}, {hours === 1 ? "hourly" : `every ${hours} h`}
        </Key>
        <Key stroke="var(--soft)" dashed>
          expected, with its 95% range
        </Key>
        <span>shaded red: since it got worse</span>
      </figcaption>
      <RefusedNote refused={refused.map((p) => p.refused)} />
    </figure>
  );
}

function Key({ stroke, dashed = false, children }: { stroke: string; dashed?: boolean; children: React.ReactNode }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <svg width="16" height="8" aria-hidden="true">
        <line x1="0" x2="16" y1="4" y2="4" stroke={stroke} strokeWidth="2" strokeDasharray={dashed ? "4 3" : undefined} />
      </svg>
      <span>{children}</span>
    </span>
  );
}

interface PlotProps extends Pick<EvidenceChartProps, "onset"> {
  series: Series;
  shape: Shape;
  refused: Schemas["HealthPoint"][];
  width: number;
  description: string;
}

const height = 200;
const margin = { left: 44, right: 8, top: 20, bottom: 22 };

function Plot({ series, shape, refused, onset, width, description }: PlotProps) {
  const hatch = useId();
  const { buckets } = series;
  const step = (buckets[0]?.hours ?? 1) * 3_600_000;
  const first = buckets[0]?.at ?? 0;
  const last = Math.max(series.to, (buckets.at(-1)?.at ?? 0) + step);
  const values = buckets.flatMap((b) => [shape.value(b), shape.low(b), shape.high(b)]).filter(known);
  const low = shape === ratioShape ? Math.min(...values) : 0;
  // Counts have whole numbers at their ticks.
  const high = shape === ratioShape ? Math.max(...values, low + 0.02) : 2 * Math.ceil(Math.max(...values, 1) / 2);
  const x = (at: number) => margin.left + ((at - first) / Math.max(1, last - first)) * (width - margin.left - margin.right);
  const y = (value: number) => margin.top + (1 - (value - low) / (high - low)) * (height - margin.top - margin.bottom);
  const middle = (b: Bucket) => x(b.at + step / 2);
  const measured = line<Bucket>()
    .defined((b) => known(shape.value(b)))
    .x(middle)
    .y((b) => y(shape.value(b) ?? 0));
  const expected = line<Bucket>()
    .defined((b) => known(shape.expected(b)))
    .x(middle)
    .y((b) => y(shape.expected(b) ?? 0));
  const band = area<Bucket>()
    .defined((b) => known(shape.low(b)) && known(shape.high(b)))
    .x(middle)
    .y0((b) => y(shape.low(b) ?? 0))
    .y1((b) => y(shape.high(b) ?? 0));
  const ticks = [low, (low + high) / 2, high];
  const days = dayTicks(first, last, width < 480 ? 3 : 6);
  const began = x(series.from);
  const early = onset === undefined ? began : x(Math.max(first, Date.parse(onset.started_low)));
  const late = onset === undefined ? began : x(Math.min(last, Date.parse(onset.started_high)));
  return (
    <svg width={width} height={height} role="img" aria-labelledby={description} className="block text-xs">
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={margin.left} x2={width - margin.right} y1={y(tick)} y2={y(tick)} stroke="var(--line)" />
          <text x={margin.left - 6} y={y(tick) + 4} textAnchor="end" fontSize="11" fill="var(--soft)">
            {shape.text(tick)}
          </text>
        </g>
      ))}
      {days.map((day) => (
        <text key={day} x={x(day)} y={height - 6} textAnchor="middle" fontSize="11" fill="var(--soft)">
          {new Date(day).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" })}
        </text>
      ))}
      <rect x={began} y={margin.top} width={Math.max(1, x(series.to) - began)} height={height - margin.top - margin.bottom} fill="var(--bad)" opacity="0.1" />
      <RefusedHatch id={hatch} />
      {refused.map((p) => (
        <rect key={p.at} x={x(Date.parse(p.at))} y={margin.top} width={x(hour) - x(0)} height={height - margin.top - margin.bottom} fill={`url(#${hatch})`} />
      ))}
      <path d={band(buckets) ?? ""} fill="var(--soft)" opacity="0.2" />
      <path d={expected(buckets) ?? ""} fill="none" stroke="var(--soft)" strokeDasharray="4 3" strokeWidth="1.5" />
      <path d={measured(buckets) ?? ""} fill="none" stroke="var(--accent)" strokeWidth="2" strokeLinejoin="round" />
      {buckets.map((b) => alone(buckets, b, shape) && <circle key={b.at} cx={middle(b)} cy={y(shape.value(b) ?? 0)} r="2" fill="var(--accent)" />)}
      {late - early > 1 && <rect x={early} y={margin.top - 4} width={late - early} height="4" fill="var(--bad)" />}
      <line x1={began} x2={began} y1={margin.top - 4} y2={height - margin.bottom} stroke="var(--bad)" strokeWidth="1.5" />
      <text x={began} y={margin.top - 8} fontSize="11" fill="var(--bad)" textAnchor={began > width - 110 ? "end" : began < margin.left + 60 ? "start" : "middle"}>
        it got worse
      </text>
    </svg>
  );
}

/** A bucket between two without signals has no line to be seen by. */
function alone(buckets: Bucket[], b: Bucket, shape: Shape): boolean {
  const i = buckets.indexOf(b);
  const there = (j: number) => buckets[j] !== undefined && known(shape.value(buckets[j]));
  return there(i) && !there(i - 1) && !there(i + 1);
}

const dayLength = 86_400_000;

function dayTicks(from: number, to: number, most: number): number[] {
  const step = Math.max(1, Math.ceil((to - from) / dayLength / most)) * dayLength;
  const ticks: number[] = [];
  for (let day = Math.ceil(from / dayLength) * dayLength; day <= to; day += step) {
    if (day - from > 0.04 * (to - from) && to - day > 0.04 * (to - from)) ticks.push(day);
  }
  return ticks;
}
