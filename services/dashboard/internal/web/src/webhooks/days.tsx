import { asCount, asPercent } from "../format";
import { lastDays, successShare, type Endpoint } from "./words";

/** Deliveries by day: what arrived, and on top of it what did not. */
export function Days({ endpoint }: { endpoint: Endpoint }) {
  const days = lastDays(endpoint, Date.now());
  const share = successShare(days);
  if (share === undefined) return <p className="text-xs text-soft">Nothing sent in 14 days</p>;
  const width = 140;
  const height = 28;
  const most = Math.max(...days.map((day) => day.good + day.bad));
  const tall = (n: number) => (n === 0 ? 0 : Math.max(2, (n / most) * (height - 2)));
  const bad = days.reduce((sum, day) => sum + day.bad, 0);
  return (
    <div className="flex items-center gap-2">
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={`${asPercent(share)} of deliveries in 14 days arrived; ${asCount(bad)} did not`}>
        <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} stroke="var(--line)" />
        {days.map((day, i) => (
          <g key={day.day}>
            <rect x={i * 10 + 1} width="8" y={height - tall(day.good)} height={tall(day.good)} fill="var(--good)" />
            <rect x={i * 10 + 1} width="8" y={height - tall(day.good) - tall(day.bad)} height={tall(day.bad)} fill="var(--bad)" />
          </g>
        ))}
      </svg>
      <span className="text-xs text-soft tabular-nums">{asPercent(share)}</span>
    </div>
  );
}
