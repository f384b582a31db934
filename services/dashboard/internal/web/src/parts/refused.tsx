import { refusedText, type Refused } from "../refused";

/** The hatch of times in which signals were refused, for the defs of a chart. */
export function RefusedHatch({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={id} width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <line x1="0" x2="0" y1="0" y2="5" stroke="var(--bad)" strokeWidth="2" opacity="0.55" />
      </pattern>
    </defs>
  );
}

/** What the hatch means, in words, so that nobody reads a dip as behaviour. */
export function RefusedNote({ refused }: { refused: (Refused | undefined)[] }) {
  const text = refusedText(refused);
  if (text === undefined) return null;
  return (
    <p className="mt-1 flex items-start gap-1.5 text-xs text-soft">
      <svg width="16" height="12" className="mt-0.5 shrink-0" aria-hidden="true">
        <path d="M0 12 L12 0 M4 12 L16 0 M-4 12 L8 0 M8 12 L20 0" stroke="var(--bad)" strokeWidth="1.5" opacity="0.7" />
      </svg>
      <span>
        <span className="font-medium text-ink">{text}.</span> Fewer signals in the hatched time say nothing about people.
      </span>
    </p>
  );
}
