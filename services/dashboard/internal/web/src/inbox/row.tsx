import { Link } from "wouter";
import type { Proposal } from "../api";
import { affectedText } from "../evidence";
import { ago, asMoment, asPercent, confidenceWord } from "../format";
import { EvidenceSparkline } from "./evidence-chart";
import { statusLooks } from "./looks";

export const rowId = (proposal: Pick<Proposal, "id">) => `proposal-${proposal.id}`;

interface RowProps {
  proposal: Proposal;
  href: string;
  open: boolean;
  /** It is open because nothing else is: narrow screens show the list alone then. */
  implied: boolean;
  /** Undefined where nothing is to be selected. */
  selected: boolean | undefined;
  onSelect: () => void;
  now: number;
}

/** A proposal in the list: what it is, how sure, how much it would bring, and for whom. */
export function Row({ proposal, href, open, implied, selected, onSelect, now }: RowProps) {
  const impact = proposal.predicted_impact;
  const affected = affectedText(proposal.evidence, impact.affected_sessions);
  const mark = implied ? "border-l-transparent lg:border-l-accent lg:bg-accent/8" : "border-l-accent bg-accent/8";
  const found = proposal.detected_at ?? proposal.created_at;
  return (
    <li className={`relative flex gap-3 border-l-2 px-3 py-3 ${open ? mark : "border-l-transparent hover:bg-line/40"}`}>
      {selected !== undefined && (
        <input
          type="checkbox"
          aria-label={`Select ${proposal.title}`}
          checked={selected}
          onChange={onSelect}
          className="relative z-1 mt-1 size-4 shrink-0 cursor-pointer accent-accent"
        />
      )}
      <div className="min-w-0 grow">
        <Link
          id={rowId(proposal)}
          href={href}
          aria-current={open ? "true" : undefined}
          className="line-clamp-2 font-medium after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
        >
          {proposal.title}
        </Link>
        <p className="mt-0.5 truncate text-xs text-soft">
          {proposal.status !== "pending" && `${statusLooks[proposal.status][1]} · `}
          {proposal.context_name} · <span title={asMoment(found)}>{ago(found, now)}</span>
          {affected !== "" && ` · ${affected}`}
        </p>
        <div className="mt-1 flex items-center justify-between gap-3 text-xs text-soft">
          <p className="min-w-0 tabular-nums">
            <span className="font-medium text-ink">
              {asPercent(impact.baseline)} → {asPercent(impact.predicted)}
            </span>{" "}
            <span className="whitespace-nowrap">
              ({asPercent(impact.low)}–{asPercent(impact.high)})
            </span>
          </p>
          <EvidenceSparkline evidence={proposal.evidence} />
        </div>
        <p className="text-xs text-soft">
          confidence {confidenceWord(proposal.confidence)} ({asPercent(proposal.confidence)}) · priority {proposal.priority.toFixed(1)}
        </p>
      </div>
    </li>
  );
}
