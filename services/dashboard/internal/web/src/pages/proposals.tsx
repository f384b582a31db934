import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Proposal } from "../api";
import { asCount, asDay, asMoment, asPercent, confidenceWord } from "../format";
import { Button, Card, Chip, Empty, Fact, Failure, Field, inputClass, Loading, Title, type Tone } from "../parts/ui";

const statusLooks: Record<Proposal["status"], [Tone, string]> = {
  pending: ["accent", "● to decide"],
  approved: ["good", "✓ approved"],
  rejected: ["neutral", "✕ rejected"],
  snoozed: ["neutral", "◷ snoozed"],
  duplicate: ["neutral", "⧉ duplicate"],
  expired: ["neutral", "○ expired"],
};

export function ProposalsPage({ product }: { product: string }) {
  const proposals = useQuery({
    queryKey: ["proposals", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/proposals", { params: { path: { product_id: product } } })),
  });
  return (
    <>
      <Title>Proposals</Title>
      {proposals.isPending && <Loading what="Loading proposals" />}
      {proposals.error && <Failure error={proposals.error} />}
      {proposals.data?.items.length === 0 && (
        <Empty>Nothing to decide: no context is getting worse by more than chance explains. Contexts are analysed again as signals arrive.</Empty>
      )}
      <div className="space-y-4">
        {proposals.data?.items.map((proposal) => (
          <ProposalCard key={proposal.id} proposal={proposal} product={product} />
        ))}
      </div>
    </>
  );
}

function ProposalCard({ proposal, product }: { proposal: Proposal; product: string }) {
  const [tone, word] = statusLooks[proposal.status];
  const impact = proposal.predicted_impact;
  return (
    <Card label={proposal.title}>
      <div className="flex flex-wrap items-start justify-between gap-2">
        <h2 className="font-semibold">{proposal.title}</h2>
        <Chip tone={tone}>{word}</Chip>
      </div>
      <p className="mt-1 text-sm text-soft">
        {proposal.context_name} · confidence {confidenceWord(proposal.confidence)} ({asPercent(proposal.confidence)}) · found {asMoment(proposal.detected_at ?? proposal.created_at)}
      </p>
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
        <Fact name="Positive ratio now">{asPercent(impact.baseline)}</Fact>
        <Fact name="Predicted">
          {asPercent(impact.predicted)} <span className="text-xs font-normal text-soft">({asPercent(impact.low)} to {asPercent(impact.high)})</span>
        </Fact>
        <Fact name="Sessions affected">{asCount(impact.affected_sessions === undefined ? undefined : Math.round(impact.affected_sessions))}</Fact>
        <Fact name="Created">{asDay(proposal.created_at)}</Fact>
      </dl>
      <Segments evidence={proposal.evidence} />
      <Origin provenance={proposal.provenance} />
      <Decide proposal={proposal} product={product} />
    </Card>
  );
}

/** The segments that carry the change; the evidence is the server's own document. */
function Segments({ evidence }: { evidence: Proposal["evidence"] }) {
  const segments = readSegments(evidence);
  if (segments.length === 0) return null;
  return (
    <div className="mt-4 overflow-x-auto">
      <table className="w-full text-left text-sm">
        <caption className="text-left text-sm font-medium">Evidence: what is over-represented</caption>
        <thead className="text-xs text-soft">
          <tr>
            {["Signal", "Where", "Seen", "Expected", "Share of the change"].map((head) => (
              <th key={head} scope="col" className="py-1 pr-3 font-medium">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {segments.map((segment) => (
            <tr key={segment.key} className="border-t border-line tabular-nums">
              <td className="py-1 pr-3 font-mono">{segment.type}</td>
              <td className="py-1 pr-3">{segment.where}</td>
              <td className="py-1 pr-3">{asCount(segment.seen)}</td>
              <td className="py-1 pr-3">{asCount(Math.round(segment.expected))}</td>
              <td className="py-1 pr-3">{asPercent(segment.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Segment {
  key: string;
  type: string;
  where: string;
  seen: number;
  expected: number;
  share: number;
}

function readSegments(evidence: Proposal["evidence"]): Segment[] {
  const list = evidence["segments"];
  if (!Array.isArray(list)) return [];
  return list.slice(0, 5).map((raw: unknown, index) => {
    const segment = (raw ?? {}) as Record<string, unknown>;
    const conditions = Array.isArray(segment["conditions"]) ? (segment["conditions"] as Record<string, unknown>[]) : [];
    return {
      key: String(index),
      type: String(segment["type"] ?? ""),
      where: conditions.map((c) => `${String(c["dimension"])} ${String(c["value"])}`).join(", "),
      seen: Number(segment["window"] ?? 0),
      expected: Number(segment["expected"] ?? 0),
      share: Number(segment["share_of_change"] ?? Number.NaN),
    };
  });
}

const fallbackReasons: Record<string, string> = {
  timeout: "did not answer in time",
  rate_limited: "was asked too often",
  unavailable: "could not be reached",
  invalid_answer: "did not give an answer of the form asked for",
  ungrounded: "wrote what the evidence does not say",
  budget: "has used up today's budget",
  circuit_open: "failed too often just before",
};

/** Who wrote the text and what that took; a text that a model failed to write says why. */
function Origin({ provenance }: { provenance: Proposal["provenance"] }) {
  const text = (name: string) => (typeof provenance[name] === "string" ? (provenance[name] as string) : "");
  const count = (name: string) => Number(provenance[name] ?? 0);
  const fallback = (provenance["fallback"] ?? null) as Record<string, unknown> | null;
  const parts = [
    `Written by ${text("model") || `the ${text("engine")} engine`} (${[`version ${text("engine_version")}`, text("prompt_version") && `prompt ${text("prompt_version")}`].filter(Boolean).join(", ")})`,
    count("tokens") > 0 && `${asCount(count("tokens"))} tokens`,
    count("cost") > 0 && `$${count("cost").toFixed(4)}`,
    `${(count("duration_ms") / 1000).toFixed(1)} s`,
    count("redactions") > 0 && `${asCount(count("redactions"))} redactions`,
  ];
  return (
    <p className="mt-3 text-xs text-soft">
      {parts.filter(Boolean).join(" · ")}
      {fallback !== null && `. ${String(fallback["model"] ?? fallback["from"])} ${fallbackReasons[String(fallback["reason"])] ?? "did not write"}.`}
    </p>
  );
}

function Decide({ proposal, product }: { proposal: Proposal; product: string }) {
  const queries = useQueryClient();
  const [rejecting, setRejecting] = useState(false);
  const [reason, setReason] = useState("");
  const path = { proposal_id: proposal.id };
  const refresh = () => {
    for (const key of ["proposals", "deployments", "products"]) void queries.invalidateQueries({ queryKey: key === "products" ? [key] : [key, product] });
  };
  const decide = useMutation({
    mutationFn: (decision: "approved" | "rejected") =>
      unwrap(
        api.POST("/api/v1/proposals/{proposal_id}/decision", {
          params: { path },
          body: { decision, content_hash: proposal.content_hash, ...(decision === "rejected" ? { reason } : {}) },
        }),
      ),
    onSuccess: refresh,
  });
  const undo = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/proposals/{proposal_id}/decision", { params: { path } })),
    onSuccess: refresh,
  });
  const failure = decide.error ?? undo.error;
  const open = proposal.status === "pending" || proposal.status === "snoozed";
  const undoable = proposal.undo_until !== undefined && new Date(proposal.undo_until).getTime() > Date.now();
  return (
    <div className="mt-4">
      {failure && <Failure error={failure} />}
      {open && !rejecting && (
        <div className="flex gap-2">
          <Button look="primary" disabled={decide.isPending} onClick={() => decide.mutate("approved")}>
            Approve
          </Button>
          <Button disabled={decide.isPending} onClick={() => setRejecting(true)}>
            Reject…
          </Button>
        </div>
      )}
      {open && rejecting && (
        <form
          className="max-w-md space-y-3"
          onSubmit={(event) => {
            event.preventDefault();
            decide.mutate("rejected");
          }}
        >
          <Field label="Why not?">
            <input className={inputClass} value={reason} maxLength={2000} onChange={(e) => setReason(e.target.value)} />
          </Field>
          <div className="flex gap-2">
            <Button type="submit" look="primary" disabled={decide.isPending}>
              Reject
            </Button>
            <Button onClick={() => setRejecting(false)}>Keep</Button>
          </div>
        </form>
      )}
      {proposal.status !== "pending" && (
        <div className="flex items-center gap-3 text-sm text-soft">
          <span>
            {proposal.decided_at !== undefined && `Decided ${asMoment(proposal.decided_at)}`}
            {proposal.decision_reason !== undefined && proposal.decision_reason !== "" && `: ${proposal.decision_reason}`}
          </span>
          {undoable && (
            <Button disabled={undo.isPending} onClick={() => undo.mutate()}>
              Undo
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
