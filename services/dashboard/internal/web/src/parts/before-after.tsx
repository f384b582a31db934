import { area, line } from "d3-shape";
import type { Schemas } from "../api";
import { asPercent } from "../format";

type Point = Schemas["DailyPoint"];

/** Positive ratio a day, before and after a deployment, with the counterfactual where the test gives one. */
export function BeforeAfter({ points }: { points: Point[] }) {
  const width = 720;
  const height = 180;
  const rows = points.map((p) => ({ ...p, ratio: p.positive + p.negative > 0 ? p.positive / (p.positive + p.negative) : undefined }));
  const values = rows.flatMap((p) => [p.ratio, p.low, p.high, p.expected]).filter((v) => v !== undefined);
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = Math.max(high - low, 0.02);
  const x = (i: number) => 40 + (i / Math.max(1, rows.length - 1)) * (width - 48);
  const y = (v: number) => height - 20 - ((v - low) / span) * (height - 36);
  const deployed = rows.findIndex((p) => p.post === true);
  const ratio = line<(typeof rows)[number]>()
    .defined((p) => p.ratio !== undefined)
    .x((_, i) => x(i))
    .y((p) => y(p.ratio ?? 0))(rows);
  const expected = line<(typeof rows)[number]>()
    .defined((p) => p.expected !== undefined)
    .x((_, i) => x(i))
    .y((p) => y(p.expected ?? 0))(rows);
  const band = area<(typeof rows)[number]>()
    .defined((p) => p.low !== undefined && p.high !== undefined)
    .x((_, i) => x(i))
    .y0((p) => y(p.low ?? 0))
    .y1((p) => y(p.high ?? 0))(rows);
  return (
    <figure>
      <svg viewBox={`0 0 ${width} ${height}`} className="w-full" role="img" aria-label="Positive ratio a day before and after the deployment">
        {deployed > 0 && <rect x={x(deployed)} y={8} width={width - 8 - x(deployed)} height={height - 28} fill="var(--accent)" opacity="0.07" />}
        <path d={band ?? ""} fill="var(--soft)" opacity="0.18" />
        <path d={expected ?? ""} fill="none" stroke="var(--soft)" strokeDasharray="4 4" strokeWidth="1.5" />
        <path d={ratio ?? ""} fill="none" stroke="var(--accent)" strokeWidth="2" strokeLinejoin="round" />
        {deployed > 0 && <line x1={x(deployed)} x2={x(deployed)} y1={8} y2={height - 20} stroke="var(--ink)" strokeWidth="1" />}
        <text x={4} y={y(high) + 4} fontSize="11" fill="var(--soft)">
          {asPercent(high)}
        </text>
        <text x={4} y={y(low) + 4} fontSize="11" fill="var(--soft)">
          {asPercent(low)}
        </text>
        <text x={40} y={height - 4} fontSize="11" fill="var(--soft)">
          {rows[0]?.day}
        </text>
        <text x={width - 8} y={height - 4} fontSize="11" fill="var(--soft)" textAnchor="end">
          {rows.at(-1)?.day}
        </text>
      </svg>
      <figcaption className="text-xs text-soft">Line: measured. Dashed: expected without the change. Shaded: since the deployment.</figcaption>
    </figure>
  );
}
