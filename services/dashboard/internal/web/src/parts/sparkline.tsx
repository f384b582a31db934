import { line } from "d3-shape";
import { useId } from "react";
import type { Schemas } from "../api";
import { asPercent } from "../format";
import { RefusedHatch, RefusedNote } from "./refused";

type Point = Schemas["HealthPoint"];

/** Positive ratio over time; a day without signals is a gap, not a zero, and one with refused signals is marked. */
export function Sparkline({ points }: { points: Point[] }) {
  return (
    <>
      <Line points={points} />
      <RefusedNote refused={points.map((p) => p.refused)} />
    </>
  );
}

const width = 240;
const height = 48;

function Line({ points }: { points: Point[] }) {
  const hatch = useId();
  const ratios = points.map((p) => (p.positive + p.negative > 0 ? p.positive / (p.positive + p.negative) : undefined));
  const known = ratios.filter((r) => r !== undefined);
  if (known.length < 2) return <p className="text-xs text-soft">Not enough days for a line yet.</p>;
  const low = Math.min(...known);
  const high = Math.max(...known);
  // A flat series must look flat: never zoom below two points of ratio.
  const span = Math.max(high - low, 0.02);
  const x = (i: number) => 2 + (i / Math.max(1, points.length - 1)) * (width - 4);
  const y = (r: number) => height - 4 - ((r - low) / span) * (height - 8);
  const step = (width - 4) / Math.max(1, points.length - 1);
  const path = line<number | undefined>()
    .defined((r) => r !== undefined)
    .x((_, i) => x(i))
    .y((r) => y(r ?? 0))(ratios);
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" className="h-12 w-full" role="img" aria-label={`Positive ratio between ${asPercent(low)} and ${asPercent(high)} over ${points.length} days`}>
      <RefusedHatch id={hatch} />
      {points.map((p, i) => (p.refused === undefined ? null : <rect key={p.at} x={x(i) - step / 2} y={0} width={step} height={height} fill={`url(#${hatch})`} />))}
      <path d={path ?? ""} fill="none" stroke="var(--accent)" strokeWidth="2" strokeLinejoin="round" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
