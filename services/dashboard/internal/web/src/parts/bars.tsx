import { asCount } from "../format";

interface BarsProps {
  /** Counts in the order of time, gaps as zeros. */
  counts: number[];
  /** What is counted, in one sentence, for people who cannot see the bars. */
  label: string;
}

/** How much there was in each step of time. */
export function Bars({ counts, label }: BarsProps) {
  const width = 720;
  const height = 72;
  const most = Math.max(1, ...counts);
  const step = width / Math.max(1, counts.length);
  return (
    <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" className="h-18 w-full" role="img" aria-label={`${label}; at most ${asCount(Math.max(0, ...counts))}`}>
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} stroke="var(--line)" vectorEffect="non-scaling-stroke" />
      {counts.map((count, i) => {
        // What happened at all is to be seen.
        const tall = count === 0 ? 0 : Math.max(3, (count / most) * (height - 4));
        return <rect key={i} x={i * step + step * 0.1} y={height - tall} width={step * 0.8} height={tall} fill="var(--bad)" />;
      })}
    </svg>
  );
}
