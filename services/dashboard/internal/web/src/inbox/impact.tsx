import type { Schemas } from "../api";
import { metricName } from "../evidence";
import { asCount, asPercent } from "../format";

/** From where to where, and how sure that is: the range is where four of five such predictions end. */
export function Impact({ impact }: { impact: Schemas["PredictedImpact"] }) {
  const low = Math.max(0, Math.min(impact.baseline, impact.low) - 0.05);
  const high = Math.min(1, Math.max(impact.baseline, impact.high) + 0.05);
  const at = (value: number) => `${(100 * (value - low)) / Math.max(0.01, high - low)}%`;
  return (
    <div>
      <p className="text-sm">
        {metricName(impact.metric)}: <span className="font-medium tabular-nums">{asPercent(impact.baseline)}</span> now,{" "}
        <span className="font-medium tabular-nums">{asPercent(impact.predicted)}</span> predicted{" "}
        <span className="text-soft tabular-nums">
          (80% range {asPercent(impact.low)} to {asPercent(impact.high)})
        </span>
        {impact.affected_sessions !== undefined && <span className="text-soft">, for about {asCount(Math.round(impact.affected_sessions))} sessions that were affected</span>}
      </p>
      <div className="relative mx-2 mt-3 h-8 text-xs text-soft" aria-hidden="true">
        <div className="absolute inset-x-0 top-1.5 h-1 rounded bg-line" />
        <div className="absolute top-1.5 h-1 rounded bg-accent/40" style={{ left: at(impact.low), right: `calc(100% - ${at(impact.high)})` }} />
        <Mark left={at(impact.baseline)} word="now" className="border-soft bg-card" />
        <Mark left={at(impact.predicted)} word="predicted" className="border-accent bg-accent" />
      </div>
    </div>
  );
}

function Mark({ left, word, className }: { left: string; word: string; className: string }) {
  return (
    <div className="absolute flex -translate-x-1/2 flex-col items-center" style={{ left }}>
      <span className={`mt-0.5 size-3 rounded-full border-2 ${className}`} />
      <span>{word}</span>
    </div>
  );
}
