import { useQuery } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { Link } from "wouter";
import { api, unwrap, type Proposal } from "../api";
import { affectedText, readExamples } from "../evidence";
import { figuresOf } from "../figures";
import { ago, asMoment, asPercent, confidenceWord } from "../format";
import { damped, isOpen, reasonWord, reopensText, twinsOf } from "../lifecycle";
import { Chip } from "../parts/ui";
import { Evidence } from "./evidence";
import { EvidenceChart } from "./evidence-chart";
import { Examples } from "./examples";
import { Impact } from "./impact";
import { LinkedText } from "./linked-text";
import { statusLooks } from "./looks";
import { Origin } from "./origin";

export const detailId = "proposal-detail";

interface DetailProps {
  proposal: Proposal;
  product: string;
  /** The other proposals that are known here. */
  others: Proposal[];
  hrefOf: (id: string) => string;
  /** What can be done with it. */
  actions: ReactNode;
  /** What can be done with its text. */
  textActions: ReactNode;
  now: number;
}

/** Everything there is to know before one decides. */
export function Detail({ proposal, product, others, hrefOf, actions, textActions, now }: DetailProps) {
  const figures = useMemo(() => figuresOf(proposal), [proposal]);
  const examples = readExamples(proposal.evidence);
  const finding = useQuery({
    queryKey: ["finding", proposal.finding_id],
    queryFn: () => unwrap(api.GET("/api/v1/findings/{finding_id}", { params: { path: { finding_id: proposal.finding_id } } })),
    refetchInterval: false,
  });
  const steps = proposal.suggested_change.split("\n").filter((line) => line.trim() !== "");
  return (
    <article aria-labelledby={detailId} className="rounded-xl border border-line bg-card">
      <Head proposal={proposal} now={now} />
      <div className="sticky top-0 z-2 border-y border-line bg-card px-4 py-2.5 sm:px-6">{actions}</div>
      <div className="space-y-7 px-4 py-5 sm:px-6">
        <Notes proposal={proposal} product={product} others={others} hrefOf={hrefOf} />
        <Section title="Diagnosis">
          <div className="space-y-2 text-sm leading-relaxed">
            {proposal.diagnosis
              .split("\n")
              .filter((line) => line.trim() !== "")
              .map((line, i) => (
                <p key={i}>
                  <LinkedText text={line} figures={figures} product={product} />
                </p>
              ))}
          </div>
        </Section>
        <Section title="Suggested change" aside={proposal.edit && <span className="text-xs text-soft">edited {ago(proposal.edit.edited_at, now)}</span>}>
          {steps.length === 1 ? (
            <p className="text-sm leading-relaxed">{steps[0]}</p>
          ) : (
            <ol className="list-decimal space-y-1.5 pl-5 text-sm leading-relaxed marker:text-soft">
              {steps.map((step, i) => (
                <li key={i}>
                  <LinkedText text={step} figures={figures} product={product} />
                </li>
              ))}
            </ol>
          )}
        </Section>
        <Section title="Evidence">
          <div className="space-y-5">
            <EvidenceChart evidence={proposal.evidence} context={proposal.context_id} onset={finding.data} />
            <Evidence of={proposal} product={product} />
            {examples.length > 0 && <Examples ids={examples} product={product} />}
          </div>
        </Section>
        <Section title="Predicted impact">
          <Impact impact={proposal.predicted_impact} />
        </Section>
        <Section title="Confidence">
          <Confidence proposal={proposal} />
        </Section>
        <Section title="Where the text comes from" aside={textActions}>
          <Origin proposal={proposal} />
        </Section>
      </div>
    </article>
  );
}

function Head({ proposal, now }: { proposal: Proposal; now: number }) {
  const [tone, word] = statusLooks[proposal.status];
  const reopens = proposal.reopens === undefined ? undefined : reopensText(proposal.reopens);
  const found = proposal.detected_at ?? proposal.created_at;
  const affected = affectedText(proposal.evidence, proposal.predicted_impact.affected_sessions);
  return (
    <header className="px-4 pt-5 pb-4 sm:px-6">
      <div className="mb-2 flex flex-wrap gap-1.5">
        <Chip tone={tone}>{word}</Chip>
        {reopens && <Chip tone="warn">{reopens.badge}</Chip>}
      </div>
      <h2 id={detailId} tabIndex={-1} className="text-lg leading-snug font-semibold focus:outline-none">
        {proposal.title}
      </h2>
      <p className="mt-1 text-sm text-soft">
        {proposal.context_name} · found <span title={asMoment(found)}>{ago(found, now)}</span>
        {affected !== "" && ` · ${affected}`} · confidence {confidenceWord(proposal.confidence)} ({asPercent(proposal.confidence)}) · priority {proposal.priority.toFixed(1)}
      </p>
    </header>
  );
}

/** What else one should know: what was decided, what came before, what looks alike. */
function Notes({ proposal, product, others, hrefOf }: Pick<DetailProps, "proposal" | "product" | "others" | "hrefOf">) {
  const notes: ReactNode[] = [];
  const decided = decidedText(proposal);
  const link = (id: string, title: string) => (
    <Link href={hrefOf(id)} className="font-medium text-accent underline">
      {title}
    </Link>
  );
  if (decided !== "") notes.push(decided);
  if (proposal.deployment_id !== undefined) {
    notes.push(
      <>
        What became of it is under{" "}
        <Link href={`/p/${product}/deployments`} className="font-medium text-accent underline">
          Deployments
        </Link>
        .
      </>,
    );
  }
  if (proposal.duplicate_of !== undefined) notes.push(<>Repeats {link(proposal.duplicate_of, proposal.duplicate_of_title ?? "another proposal")}.</>);
  if (proposal.reopens !== undefined) notes.push(<>{reopensText(proposal.reopens).sentence} {link(proposal.reopens.proposal_id, "See it")}.</>);
  const alike = isOpen(proposal) ? twinsOf(proposal, others).find((twin) => twin.alike && (isOpen(twin.proposal) || twin.proposal.status === "approved"))?.proposal : undefined;
  if (alike !== undefined) {
    notes.push(
      <>
        ⧉ Looks like {link(alike.id, alike.title)}, which {alike.status === "approved" ? "was approved" : "waits, too"}: approve one of them, and mark the other as its duplicate.
      </>,
    );
  }
  if (notes.length === 0) return null;
  return (
    <ul className="space-y-1.5 rounded-lg border border-line bg-ground px-4 py-3 text-sm">
      {notes.map((note, i) => (
        <li key={i}>{note}</li>
      ))}
    </ul>
  );
}

function decidedText(proposal: Proposal): string {
  const parts: string[] = [];
  if (proposal.decided_at !== undefined) parts.push(`Decided ${asMoment(proposal.decided_at)}`);
  if (proposal.snoozed_until !== undefined) parts.push(`comes back ${asMoment(proposal.snoozed_until)}`);
  if (proposal.reason_code !== undefined) parts.push(reasonWord(proposal.reason_code).toLowerCase());
  if (proposal.decision_reason !== undefined && proposal.decision_reason !== "") parts.push(proposal.decision_reason);
  return parts.join(" · ");
}

function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section>
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h3 className="font-semibold">{title}</h3>
        {aside}
      </div>
      {children}
    </section>
  );
}

function Confidence({ proposal }: { proposal: Proposal }) {
  const score = proposal.evidence["score"] as { p?: unknown } | undefined;
  const p = typeof score?.p === "number" ? score.p : undefined;
  const left = damped(proposal);
  return (
    <div className="space-y-1 text-sm">
      <p>
        It is <span className="font-medium">{confidenceWord(proposal.confidence)}</span>, {asPercent(proposal.confidence)}.
        {p !== undefined && ` Chance alone does this in at most ${p < 0.001 ? "0.1%" : asPercent(p)} of the cases, over everything that is watched.`}
      </p>
      {left !== undefined && <p className="text-soft">It is {asPercent(left)} of what the evidence gives, because you rejected others of its kind here.</p>}
    </div>
  );
}
