import { area, line } from "d3-shape";
import { useId } from "react";
import type { Schemas } from "../api";
import { amount, dayName } from "../verification";
import { RefusedHatch, RefusedNote } from "./refused";
import { useWidth } from "./use-width";

type Point = Schemas["DailyPoint"];

interface BeforeAfterProps {
  points: Point[];
  metric: string | undefined;
  described: string;
  /** The promised range, when it is about what is drawn. */
  promised?: { low: number; high: number } | undefined;
}

/** The measure a day, before and after a deployment, over the forecast of what would have been without it. */
export function BeforeAfter(props: BeforeAfterProps) {
  const [ref, width] = useWidth();
  return (
    <figure>
      <div ref={ref} className="h-[220px]">
        {width > 0 && <Chart {...props} width={width} />}
      </div>
      <Legend promised={props.promised !== undefined} trigger={props.points.some((p) => p.trigger === true)} />
      <RefusedNote refused={props.points.map((p) => p.refused)} />
    </figure>
  );
}

const height = 220;
const margin = { top: 18, right: 10, bottom: 22, left: 62 };

function Chart({ points, metric, described, promised, width }: BeforeAfterProps & { width: number }) {
  const hatch = useId();
  const rows = points.map((p) => ({ ...p, value: valueOf(p) }));
  const values = rows.flatMap((p) => [p.value, p.low, p.high, p.expected]).filter((v) => v !== undefined);
  if (values.length < 2) return <p className="p-6 text-sm text-soft">There is nothing to draw yet.</p>;
  const [low, high] = domain(rows, promised);
  const span = Math.max(high - low, high * 0.02, 1e-9);
  const step = (width - margin.left - margin.right) / rows.length;
  const x = (i: number) => margin.left + (i + 0.5) * step;
  const edge = (i: number) => margin.left + i * step;
  const y = (v: number) => height - margin.bottom - ((Math.min(high, Math.max(low, v)) - low) / span) * (height - margin.top - margin.bottom);
  const bottom = height - margin.bottom;
  const first = rows.findIndex((p) => p.post === true);
  const after = first < 0 ? rows.length : first;
  const before = rows[after - 1]?.between === true ? after - 1 : after;
  const marker = before < after ? x(before) : edge(after);
  const measured = line<(typeof rows)[number]>()
    .defined((p) => p.value !== undefined)
    .x((_, i) => x(i))
    .y((p) => y(p.value ?? 0))(rows);
  const expected = line<(typeof rows)[number]>()
    .defined((p) => p.expected !== undefined)
    .x((_, i) => x(i))
    .y((p) => y(p.expected ?? 0))(rows);
  const band = area<(typeof rows)[number]>()
    .defined((p) => p.low !== undefined && p.high !== undefined)
    .x((_, i) => x(i))
    .y0((p) => y(p.low ?? 0))
    .y1((p) => y(p.high ?? 0))(rows);
  const shown = [low, low + span / 2, low + span];
  return (
    <svg width={width} height={height} role="img" aria-label={`${described}, day by day, before and after the deployment`} className="block">
      <rect x={edge(0)} y={margin.top} width={Math.max(0, edge(before) - edge(0))} height={bottom - margin.top} fill="var(--soft)" opacity="0.08" />
      <rect x={edge(after)} y={margin.top} width={Math.max(0, edge(rows.length) - edge(after))} height={bottom - margin.top} fill="var(--accent)" opacity="0.1" />
      <RefusedHatch id={hatch} />
      {rows.map((p, i) =>
        p.refused === undefined ? null : <rect key={p.day} x={edge(i)} y={margin.top} width={step} height={bottom - margin.top} fill={`url(#${hatch})`} />,
      )}
      {rows.map((p, i) =>
        p.trigger === true ? <rect key={p.day} x={edge(i)} y={bottom - 5} width={step} height={5} fill="var(--warn)" opacity="0.7" /> : null,
      )}
      {shown.map((v) => (
        <g key={v}>
          <line x1={margin.left} x2={width - margin.right} y1={y(v)} y2={y(v)} stroke="var(--line)" />
          <text x={margin.left - 6} y={y(v) + 4} fontSize="11" fill="var(--soft)" textAnchor="end">
            {amount(metric, v).replace(" a day", "")}
          </text>
        </g>
      ))}
      {promised !== undefined && first >= 0 && (
        <rect
          x={edge(after)}
          y={y(promised.high)}
          width={Math.max(0, edge(rows.length) - edge(after))}
          height={Math.max(1, y(promised.low) - y(promised.high))}
          fill="none"
          stroke="var(--good)"
          strokeDasharray="2 3"
          strokeWidth="1.5"
        />
      )}
      <path d={band ?? ""} fill="var(--soft)" opacity="0.22" />
      <path d={expected ?? ""} fill="none" stroke="var(--soft)" strokeDasharray="5 4" strokeWidth="1.5" />
      <path d={measured ?? ""} fill="none" stroke="var(--accent)" strokeWidth="2" strokeLinejoin="round" />
      {rows.map((p, i) => (p.value === undefined ? null : <circle key={p.day} cx={x(i)} cy={y(p.value)} r="2" fill="var(--accent)" />))}
      {first >= 0 && (
        <>
          <line x1={marker} x2={marker} y1={margin.top - 4} y2={bottom} stroke="var(--ink)" strokeWidth="1.5" />
          <text x={marker} y={margin.top - 7} fontSize="11" fill="var(--ink)" textAnchor={marker > width - 60 ? "end" : "middle"}>
            deployed
          </text>
        </>
      )}
      <text x={edge(0)} y={height - 6} fontSize="11" fill="var(--soft)">
        {dayName(rows[0]?.day)}
      </text>
      <text x={width - margin.right} y={height - 6} fontSize="11" fill="var(--soft)" textAnchor="end">
        {dayName(rows.at(-1)?.day)}
      </text>
    </svg>
  );
}

/** What is measured fills the chart; of a hopelessly wide band the part near it is shown. */
function domain(rows: { value: number | undefined; expected?: number; low?: number; high?: number }[], promised: { low: number; high: number } | undefined): [number, number] {
  const defined = (list: (number | undefined)[]) => list.filter((v) => v !== undefined);
  const core = defined([...rows.flatMap((p) => [p.value, p.expected]), promised?.low, promised?.high]);
  const band = defined(rows.flatMap((p) => [p.low, p.high]));
  const [low, high] = [Math.min(...core), Math.max(...core)];
  const room = 0.6 * (high - low);
  return [Math.max(Math.min(low, ...band), low - room), Math.min(Math.max(high, ...band), high + room)];
}

// Looks of long ago carry counts alone.
function valueOf(p: Point): number | undefined {
  if (p.value !== undefined) return p.value;
  return p.positive + p.negative > 0 ? p.positive / (p.positive + p.negative) : undefined;
}

function Legend({ promised, trigger }: { promised: boolean; trigger: boolean }) {
  const marks: [string, string][] = [
    ["h-0.5 w-4 bg-accent", "measured"],
    ["h-0 w-4 border-t-2 border-dashed border-soft", "expected without the deployment"],
    ["h-3 w-4 bg-soft/25", "its range"],
    ["h-3 w-4 bg-soft/10 border border-line", "before"],
    ["h-3 w-4 bg-accent/15 border border-line", "after"],
  ];
  if (promised) marks.push(["h-3 w-4 border-2 border-dotted border-good", "predicted"]);
  if (trigger) marks.push(["h-1.5 w-4 bg-warn/70", "days that led to the finding"]);
  return (
    <figcaption>
      <ul className="mt-1 flex flex-wrap gap-x-4 gap-y-1 text-xs text-soft">
        {marks.map(([look, word]) => (
          <li key={word} className="flex items-center gap-1.5">
            <span aria-hidden="true" className={`inline-block ${look}`} />
            {word}
          </li>
        ))}
      </ul>
    </figcaption>
  );
}
