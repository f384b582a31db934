import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, ApiError, unwrap, type Proposal, type Schemas } from "../api";
import { useAnnounce } from "../parts/announce";

export type Decision = Omit<Schemas["NewDecision"], "content_hash">;

/** What was decided last, as long as it can be taken back. */
export interface Undoable {
  proposals: Proposal[];
  text: string;
  /** In this browser's time. */
  until: number;
}

const verbs: Record<Decision["decision"], string> = {
  approved: "Approved",
  rejected: "Rejected",
  snoozed: "Snoozed",
  duplicate: "Marked as a duplicate",
};

export function decidedText(decision: Decision["decision"], proposals: Pick<Proposal, "title">[]): string {
  const first = proposals[0];
  return proposals.length === 1 && first !== undefined ? `${verbs[decision]}: ${first.title}` : `${verbs[decision]}: ${proposals.length} proposals`;
}

/** Some of several decisions failed, each for its own reason. */
class Failures extends Error {
  constructor(failed: { proposal: Proposal; error: Error }[], of: number) {
    const reasons = failed.map(({ proposal, error }) => `‘${proposal.title}’: ${error.message}`);
    super(of === 1 ? (failed[0]?.error.message ?? "") : `${failed.length} of ${of} were not decided. ${reasons.join(" ")}`);
  }
}

/** Decides on proposals, one or many, and takes the last decision back. */
export function useDecisions(product: string, onDecided: (decided: Proposal[]) => void, onUndone: (undone: Proposal[]) => void) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const [undoable, setUndoable] = useState<Undoable>();
  const refresh = () => {
    for (const key of ["proposals", "deployments", "contexts"]) void queries.invalidateQueries({ queryKey: [key, product] });
    for (const key of ["products", "proposal"]) void queries.invalidateQueries({ queryKey: [key] });
  };
  const decide = useMutation({
    mutationFn: async ({ proposals, decision }: { proposals: Proposal[]; decision: Decision }) => {
      const decided: Proposal[] = [];
      const failed: { proposal: Proposal; error: Error }[] = [];
      for (const proposal of proposals) {
        const body = { ...decision, content_hash: proposal.content_hash };
        try {
          decided.push(await unwrap(api.POST("/api/v1/proposals/{proposal_id}/decision", { params: { path: { proposal_id: proposal.id } }, body })));
        } catch (error) {
          failed.push({ proposal, error: error instanceof ApiError ? error : new Error("The server cannot be reached.") });
        }
      }
      if (decided.length > 0) {
        const text = decidedText(decision.decision, decided);
        setUndoable({ proposals: decided, text, until: Date.now() + undoTime(decided) });
        announce(`${text}. Press U to undo it within 10 seconds.`);
        onDecided(decided);
      }
      if (failed.length > 0) throw new Failures(failed, proposals.length);
    },
    onSettled: refresh, // a refusal may mean that it says something else by now
  });
  const undo = useMutation({
    mutationFn: async ({ proposals }: Undoable) => {
      setUndoable(undefined);
      for (const { id } of proposals) await unwrap(api.DELETE("/api/v1/proposals/{proposal_id}/decision", { params: { path: { proposal_id: id } } }));
      announce("Undone.");
      await queries.invalidateQueries({ queryKey: ["proposals", product] }); // then the list has them again
      onUndone(proposals);
    },
    onSettled: refresh,
  });
  return {
    decide: (proposals: Proposal[], decision: Decision) => decide.mutate({ proposals, decision }),
    undo: (what: Undoable) => undo.mutate(what),
    undoable,
    forget: () => setUndoable(undefined),
    busy: decide.isPending,
    error: decide.error ?? undo.error,
    dismiss: () => {
      decide.reset();
      undo.reset();
    },
  };
}

export type Decisions = ReturnType<typeof useDecisions>;

/** How long the server lets the earliest of them be undone, whatever this browser's clock says. */
function undoTime(decided: Proposal[]): number {
  const times = decided.map((p) => (p.undo_until === undefined || p.decided_at === undefined ? 0 : Date.parse(p.undo_until) - Date.parse(p.decided_at)));
  return Math.max(0, Math.min(...times));
}
