import type { ReactNode } from "react";
import type { Finding, Proposal } from "../api";
import { continued, readFirstSeen, readFunnel, readRuledOut, readSegments, readTypes, readVolume, type FirstSeen, type Funnel, type Segment, type TypeChange, type Volume } from "../evidence";
import { queriesOf, type Queries, type Query } from "../figures";
import { asCount, asPercent, asUtc } from "../format";
import { Fact } from "../parts/ui";
import { Number as Linked } from "./linked-text";

interface EvidenceProps {
  /** What the evidence is about: it is the analyzer's own document. */
  of: Pick<Proposal | Finding, "context_id" | "evidence">;
  product: string;
}

/** What a proposal or a finding rests on; each count leads to the signals behind it. */
export function Evidence({ of, product }: EvidenceProps) {
  const { evidence } = of;
  const volume = readVolume(evidence);
  const firstSeen = readFirstSeen(evidence);
  const funnel = readFunnel(evidence);
  const segments = readSegments(evidence);
  const types = readTypes(evidence);
  const ruledOut = readRuledOut(evidence);
  const queries = queriesOf(of);
  const count = (n: number, what: string, query: Query) => <Count n={n} what={what} query={query} product={product} />;
  return (
    <div className="space-y-5">
      {volume && <VolumeFacts volume={volume} queries={queries} count={count} />}
      {firstSeen && <FirstSeenFacts seen={firstSeen} queries={queries} count={count} />}
      {funnel && <FunnelFacts funnel={funnel} queries={queries} count={count} />}
      {segments.length > 0 && <Segments segments={segments} queries={queries} count={count} />}
      {types.length > 0 && <Types types={types} queries={queries} count={count} />}
      {ruledOut.length > 0 && <RuledOut list={ruledOut} />}
    </div>
  );
}

type CountOf = (n: number, what: string, query: Query) => ReactNode;

interface BlockProps {
  queries: Queries;
  count: CountOf;
}

function Count({ n, what, query, product }: { n: number; what: string; query: Query; product: string }) {
  if (!Number.isFinite(n)) return "–";
  return (
    <Linked figure={{ what, query }} product={product}>
      {n > 0 && n < 10 && !Number.isInteger(n) ? n.toPrecision(2) : asCount(Math.round(n))}
    </Linked>
  );
}

function Heading({ children }: { children: string }) {
  return <h4 className="mb-2 text-sm font-medium">{children}</h4>;
}

function Aside({ children }: { children: ReactNode }) {
  return <span className="text-xs font-normal text-soft">({children})</span>;
}

function VolumeFacts({ volume, queries, count }: BlockProps & { volume: Volume }) {
  return (
    <section>
      <Heading>How much arrives</Heading>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3">
        <Fact name="Signals seen">{count(volume.seen, "signals that came", queries.window)}</Fact>
        <Fact name="Expected">
          {count(volume.expected, "signals before", queries.baseline)}{" "}
          <Aside>
            {asCount(Math.round(volume.low))} to {asCount(Math.round(volume.high))}
          </Aside>
        </Fact>
        {volume.lastSignalAt !== undefined && <Fact name="Last signal in">{asUtc(volume.lastSignalAt)}</Fact>}
      </dl>
    </section>
  );
}

function FirstSeenFacts({ seen, queries, count }: BlockProps & { seen: FirstSeen }) {
  const query = { ...queries.window, type: seen.type };
  return (
    <section>
      <Heading>Never seen before</Heading>
      <p className="mb-2 rounded-lg border border-line bg-ground px-3 py-2 font-mono text-xs break-words">{seen.value}</p>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Fact name="Signal">{seen.type}</Fact>
        <Fact name="First seen">{asUtc(seen.firstAt)}</Fact>
        <Fact name="Seen since">{count(seen.count, "signals with it", query)}</Fact>
        {seen.sessions !== undefined && (
          <Fact name="Sessions, about">
            {count(seen.sessions, "sessions with it", query)} {seen.shareOfSessions !== undefined && <Aside>{asPercent(seen.shareOfSessions)}</Aside>}
          </Fact>
        )}
      </dl>
    </section>
  );
}

function FunnelFacts({ funnel, queries, count }: BlockProps & { funnel: Funnel }) {
  const now = { ...queries.window, type: funnel.from };
  const before = { ...queries.baseline, type: funnel.from };
  return (
    <section>
      <Heading>A step that fewer take</Heading>
      <ol className="mb-2 flex flex-wrap items-center gap-1 text-sm" aria-label="Steps of the funnel">
        {funnel.steps.map((step, i) => (
          <li key={step} className={step === funnel.from || step === funnel.to ? "font-medium" : "text-soft"}>
            {i > 0 && <span aria-hidden="true">→ </span>}
            {step}
          </li>
        ))}
      </ol>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3">
        <Fact name={`Go on to ${funnel.to} now`}>
          {asPercent(continued(funnel.window))}{" "}
          <Aside>
            {count(funnel.window.continued, "sessions that went on", now)} of {count(funnel.window.entered, "sessions that reached the step", now)}
          </Aside>
        </Fact>
        <Fact name="Before">
          {asPercent(continued(funnel.baseline))}{" "}
          <Aside>
            {count(funnel.baseline.continued, "sessions that went on", before)} of {count(funnel.baseline.entered, "sessions that reached the step", before)}
          </Aside>
        </Fact>
        <Fact name="Expected">
          {asPercent(funnel.expected)}{" "}
          <Aside>
            {asPercent(funnel.low)} to {asPercent(funnel.high)}
          </Aside>
        </Fact>
      </dl>
    </section>
  );
}

interface Column {
  head: string;
  numeric?: boolean;
}

function Table({ caption, columns, rows }: { caption: string; columns: Column[]; rows: { strong: boolean; cells: ReactNode[] }[] }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left text-sm">
        <caption className="pb-1 text-left text-sm font-medium">{caption}</caption>
        <thead className="text-xs text-soft">
          <tr>
            {columns.map(({ head, numeric }) => (
              <th key={head} scope="col" className={`py-1 font-medium ${numeric ? "pl-3 text-right" : ""}`}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ strong, cells }, i) => (
            <tr key={i} className={`border-t border-line align-baseline tabular-nums ${strong ? "font-medium" : ""}`}>
              {cells.map((cell, j) => (
                <td key={j} className={`py-1.5 ${columns[j]?.numeric ? "pl-3 text-right whitespace-nowrap" : "break-words"}`}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Segments({ segments, queries, count }: BlockProps & { segments: Segment[] }) {
  const rows = segments.map((segment) => {
    const query = queries.segment(segment.raw);
    return {
      strong: segment.explains,
      cells: [segment.what, count(segment.seen, "signals of this part", query), count(segment.expected, "from what came before", { ...query, ...queries.baseline }), asPercent(segment.share)],
    };
  });
  const columns = [{ head: "What and where" }, { head: "Seen", numeric: true }, { head: "Expected", numeric: true }, { head: "Of the change", numeric: true }];
  return <Table caption="What is over-represented" columns={columns} rows={rows} />;
}

function Types({ types, queries, count }: BlockProps & { types: TypeChange[] }) {
  const rows = types.map(({ type, seen, expected }) => ({
    strong: false,
    cells: [
      <span key="type" className="font-mono text-xs">
        {type}
      </span>,
      count(seen, "signals of this type", { ...queries.window, type }),
      count(expected, "from what came before", { ...queries.baseline, type }),
    ],
  }));
  return <Table caption="Negative signals of the whole context" columns={[{ head: "Type" }, { head: "Seen", numeric: true }, { head: "Expected", numeric: true }]} rows={rows} />;
}

function RuledOut({ list }: { list: { dimension: string; reason: string }[] }) {
  return (
    <details className="text-sm">
      <summary className="cursor-pointer font-medium">What was ruled out</summary>
      <dl className="mt-2 space-y-1">
        {list.map(({ dimension, reason }) => (
          <div key={dimension} className="sm:flex sm:gap-3">
            <dt className="w-20 shrink-0 font-medium">{dimension}</dt>
            <dd className="text-soft">{reason}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
