import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ApiError, unwrap, type Proposal, type Schemas } from "../api";
import { asMoment } from "../format";
import { isOpen, reasons, reasonWord, snoozes, snoozeUntil, type Reason } from "../lifecycle";
import { Button, Failure, Field, inputClass } from "./ui";

type Decision = Omit<Schemas["NewDecision"], "content_hash">;

/** Approve, reject with a reason, snooze, and take it back within ten seconds. */
export function Decide({ proposal, product }: { proposal: Proposal; product: string }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState<"reject" | "snooze">();
  const path = { proposal_id: proposal.id };
  const refresh = () => {
    for (const key of ["proposals", "deployments", "contexts"]) void queries.invalidateQueries({ queryKey: [key, product] });
    void queries.invalidateQueries({ queryKey: ["products"] });
  };
  const decide = useMutation({
    mutationFn: (decision: Decision) =>
      unwrap(api.POST("/api/v1/proposals/{proposal_id}/decision", { params: { path }, body: { ...decision, content_hash: proposal.content_hash } })),
    onSuccess: () => {
      setAsking(undefined);
      refresh();
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 412) refresh(); // it changed: show what it says now
    },
  });
  const undo = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/proposals/{proposal_id}/decision", { params: { path } })),
    onSuccess: refresh,
  });
  const undoable = useUntil(proposal.undo_until);
  const failure = decide.error ?? undo.error;
  return (
    <div className="mt-4">
      {failure && <Failure error={failure} />}
      {isOpen(proposal) && asking === undefined && (
        <div className="flex flex-wrap gap-2">
          <Button look="primary" disabled={decide.isPending} onClick={() => decide.mutate({ decision: "approved" })}>
            Approve
          </Button>
          <Button disabled={decide.isPending} onClick={() => setAsking("reject")}>
            Reject…
          </Button>
          <Button disabled={decide.isPending} onClick={() => setAsking("snooze")}>
            Snooze…
          </Button>
        </div>
      )}
      {isOpen(proposal) && asking === "reject" && <Reject busy={decide.isPending} onReject={decide.mutate} onKeep={() => setAsking(undefined)} />}
      {isOpen(proposal) && asking === "snooze" && <Snooze busy={decide.isPending} onSnooze={decide.mutate} onKeep={() => setAsking(undefined)} />}
      {proposal.status !== "pending" && (
        <div className="mt-2 flex flex-wrap items-center gap-3 text-sm text-soft">
          <span>{decidedText(proposal)}</span>
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

function decidedText(proposal: Proposal): string {
  const parts: string[] = [];
  if (proposal.decided_at !== undefined) parts.push(`Decided ${asMoment(proposal.decided_at)}`);
  if (proposal.snoozed_until !== undefined) parts.push(`comes back ${asMoment(proposal.snoozed_until)}`);
  if (proposal.reason_code !== undefined) parts.push(reasonWord(proposal.reason_code).toLowerCase());
  if (proposal.decision_reason !== undefined && proposal.decision_reason !== "") parts.push(proposal.decision_reason);
  return parts.join(" · ");
}

/** True until the moment, and renders again when it has passed. */
function useUntil(moment: string | undefined): boolean {
  const left = moment === undefined ? 0 : new Date(moment).getTime() - Date.now();
  const [, renderAgain] = useState(0);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => renderAgain((n) => n + 1), left);
    return () => clearTimeout(timer);
  }, [moment]);
  return left > 0;
}

interface RejectProps {
  busy: boolean;
  onReject: (decision: Decision) => void;
  onKeep: () => void;
}

function Reject({ busy, onReject, onKeep }: RejectProps) {
  const [code, setCode] = useState<Reason>("not_a_problem");
  const [note, setNote] = useState("");
  return (
    <form
      className="max-w-xl space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        onReject({ decision: "rejected", reason_code: code, reason: note });
      }}
    >
      <fieldset className="space-y-2">
        <legend className="mb-1 text-sm font-medium">Why not?</legend>
        {reasons.map(([name, word, effect]) => (
          <label key={name} className="flex items-start gap-2 text-sm">
            <input type="radio" name="reason" className="mt-1 accent-accent" checked={code === name} onChange={() => setCode(name)} />
            <span>
              {word} <span className="block text-xs text-soft">{effect}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field label="In your own words (optional)">
        <input className={inputClass} value={note} maxLength={2000} onChange={(e) => setNote(e.target.value)} />
      </Field>
      <div className="flex gap-2">
        <Button type="submit" look="primary" disabled={busy}>
          Reject
        </Button>
        <Button onClick={onKeep}>Keep</Button>
      </div>
    </form>
  );
}

interface SnoozeProps {
  busy: boolean;
  onSnooze: (decision: Decision) => void;
  onKeep: () => void;
}

function Snooze({ busy, onSnooze, onKeep }: SnoozeProps) {
  const [days, setDays] = useState("1");
  return (
    <form
      className="max-w-md space-y-3"
      onSubmit={(event) => {
        event.preventDefault();
        onSnooze({ decision: "snoozed", snooze_until: snoozeUntil(days, Date.now()) });
      }}
    >
      <Field label="Decide later">
        <select className={inputClass} value={days} onChange={(e) => setDays(e.target.value)}>
          {snoozes.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </Field>
      <div className="flex gap-2">
        <Button type="submit" look="primary" disabled={busy}>
          Snooze
        </Button>
        <Button onClick={onKeep}>Keep</Button>
      </div>
    </form>
  );
}
