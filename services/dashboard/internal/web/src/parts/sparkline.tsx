import { line } from "d3-shape";
import type { Schemas } from "../api";
import { asPercent } from "../format";

type Point = Schemas["HealthPoint"];

/** Positive ratio over time; a day without signals is a gap, not a zero. */
export function Sparkline({ points, width = 240, height = 48 }: { points: Point[]; width?: number; height?: number }) {
  const ratios = points.map((p) => (p.positive + p.negative > 0 ? p.positive / (p.positive + p.negative) : undefined));
  const known = ratios.filter((r) => r !== undefined);
  if (known.length < 2) return <p className="text-xs text-soft">Not enough days for a line yet.</p>;
  const low = Math.min(...known);
  const high = Math.max(...known);
  // A flat series must look flat: never zoom below two points of ratio.
  const span = Math.max(high - low, 0.02);
  const x = (i: number) => 2 + (i / Math.max(1, points.length - 1)) * (width - 4);
  const y = (r: number) => height - 4 - ((r - low) / span) * (height - 8);
  const path = line<number | undefined>()
    .defined((r) => r !== undefined)
    .x((_, i) => x(i))
    .y((r) => y(r ?? 0))(ratios);
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" className="h-12 w-full" role="img" aria-label={`Positive ratio between ${asPercent(low)} and ${asPercent(high)} over ${points.length} days`}>
      <path d={path ?? ""} fill="none" stroke="var(--accent)" strokeWidth="2" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
