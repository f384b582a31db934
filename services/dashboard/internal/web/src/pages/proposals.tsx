import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, unwrap, type Proposal } from "../api";
import { metricName } from "../evidence";
import { asCount, asDay, asMoment, asPercent, confidenceWord } from "../format";
import { damped, inbox, isOpen, notProposedText, reopensText, standing, whyEmpty } from "../lifecycle";
import { Decide } from "../parts/decide";
import { Evidence } from "../parts/evidence";
import { Origin } from "../parts/origin";
import { Card, Chip, Empty, Fact, Failure, Loading, Tabs, Title, type Tone } from "../parts/ui";

const statusLooks: Record<Proposal["status"], [Tone, string]> = {
  pending: ["accent", "● to decide"],
  approved: ["good", "✓ approved"],
  rejected: ["neutral", "✕ rejected"],
  snoozed: ["neutral", "◷ snoozed"],
  duplicate: ["neutral", "⧉ duplicate"],
  expired: ["neutral", "○ expired"],
};

type View = "inbox" | "decided" | "skipped";

const views: readonly (readonly [View, string])[] = [
  ["inbox", "To decide"],
  ["decided", "Decided"],
  ["skipped", "Not proposed"],
];

export function ProposalsPage({ product }: { product: string }) {
  const [search] = useSearchParams();
  const view = views.find(([name]) => name === search.get("view"))?.[0] ?? "inbox";
  return (
    <>
      <Title>Proposals</Title>
      <Tabs label="Proposals" current={view} tabs={views} href={(name) => (name === "inbox" ? `/p/${product}/proposals` : `/p/${product}/proposals?view=${name}`)} />
      {view === "skipped" ? <Skipped product={product} /> : <Proposals product={product} view={view} />}
    </>
  );
}

function Proposals({ product, view }: { product: string; view: "inbox" | "decided" }) {
  const proposals = useQuery({
    queryKey: ["proposals", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/proposals", { params: { path: { product_id: product }, query: { limit: 100 } } })),
  });
  if (proposals.isPending) return <Loading what="Loading proposals" />;
  if (proposals.error) return <Failure error={proposals.error} />;
  const shown = view === "inbox" ? inbox(proposals.data.items) : proposals.data.items.filter((p) => !isOpen(p));
  if (shown.length === 0) return view === "inbox" ? <EmptyInbox product={product} /> : <Empty>Nothing was decided yet.</Empty>;
  return (
    <div className="space-y-4">
      {shown.map((proposal) => (
        <ProposalCard key={proposal.id} proposal={proposal} product={product} />
      ))}
    </div>
  );
}

/** An empty inbox says why, and when Specter looks again. */
function EmptyInbox({ product }: { product: string }) {
  const contexts = useQuery({
    queryKey: ["contexts", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/contexts", { params: { path: { product_id: product } } })),
  });
  if (contexts.isPending) return <Loading what="Looking why" />;
  if (contexts.error) return <Failure error={contexts.error} />;
  return (
    <Empty>
      <p>{whyEmpty(contexts.data.items)}</p>
      <ul className="mx-auto mt-4 max-w-2xl space-y-2 text-left text-sm">
        {contexts.data.items.map((context) => (
          <li key={context.id}>
            <span className="font-medium text-ink">{context.name}</span> {standing(context)}
          </li>
        ))}
      </ul>
    </Empty>
  );
}

/** Findings that became no proposal because of what was rejected before. */
function Skipped({ product }: { product: string }) {
  const findings = useQuery({
    queryKey: ["findings", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/findings", { params: { path: { product_id: product }, query: { limit: 100 } } })),
  });
  if (findings.isPending) return <Loading what="Loading findings" />;
  if (findings.error) return <Failure error={findings.error} />;
  const skipped = findings.data.items.filter((finding) => finding.not_proposed !== undefined);
  if (skipped.length === 0) return <Empty>Everything that was found has been proposed.</Empty>;
  return (
    <div className="space-y-4">
      {skipped.map((finding) => (
        <Card key={finding.id} label={finding.family.replaceAll("_", " ")}>
          <div className="flex flex-wrap items-start justify-between gap-2">
            <h2 className="font-semibold first-letter:uppercase">{finding.family.replaceAll("_", " ")}</h2>
            <Chip>{finding.resolved_at === undefined ? "● still there" : "✓ over"}</Chip>
          </div>
          <p className="mt-1 text-sm text-soft">
            Since {asMoment(finding.started_at)} · severity {asPercent(finding.severity)}
          </p>
          {finding.not_proposed && <p className="mt-2 text-sm">{notProposedText(finding.not_proposed)}</p>}
          <Evidence evidence={finding.evidence} />
        </Card>
      ))}
    </div>
  );
}

function ProposalCard({ proposal, product }: { proposal: Proposal; product: string }) {
  const [tone, word] = statusLooks[proposal.status];
  const impact = proposal.predicted_impact;
  const reopens = proposal.reopens === undefined ? undefined : reopensText(proposal.reopens);
  const left = damped(proposal);
  return (
    <Card label={proposal.title}>
      <div className="flex flex-wrap items-start justify-between gap-2">
        <h2 className="font-semibold">{proposal.title}</h2>
        <div className="flex flex-wrap gap-1">
          {reopens && <Chip tone="warn">{reopens.badge}</Chip>}
          <Chip tone={tone}>{word}</Chip>
        </div>
      </div>
      <p className="mt-1 text-sm text-soft">
        {proposal.context_name} · confidence {confidenceWord(proposal.confidence)} ({asPercent(proposal.confidence)}) · found {asMoment(proposal.detected_at ?? proposal.created_at)}
      </p>
      {reopens && <p className="mt-1 text-sm text-soft">{reopens.sentence}</p>}
      {left !== undefined && <p className="mt-1 text-sm text-soft">Its confidence is {asPercent(left)} of what the evidence gives, because you rejected others of its kind here.</p>}
      <dl className="mt-4 grid gap-4 sm:grid-cols-2">
        <div>
          <dt className="text-sm font-medium">Diagnosis</dt>
          <dd className="text-sm whitespace-pre-line text-soft">{proposal.diagnosis}</dd>
        </div>
        <div>
          <dt className="text-sm font-medium">Suggested change</dt>
          <dd className="text-sm whitespace-pre-line text-soft">{proposal.suggested_change}</dd>
        </div>
      </dl>
      <dl className="mt-4 grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Fact name={`${metricName(impact.metric)} now`}>{asPercent(impact.baseline)}</Fact>
        <Fact name="Predicted">
          {asPercent(impact.predicted)} <span className="text-xs font-normal text-soft">({asPercent(impact.low)} to {asPercent(impact.high)})</span>
        </Fact>
        <Fact name="Sessions affected">{asCount(impact.affected_sessions === undefined ? undefined : Math.round(impact.affected_sessions))}</Fact>
        <Fact name="Created">{asDay(proposal.created_at)}</Fact>
      </dl>
      <Evidence evidence={proposal.evidence} />
      <Origin provenance={proposal.provenance} />
      <Decide proposal={proposal} product={product} />
    </Card>
  );
}
