import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, unwrap, type Proposal } from "../api";
import { copyText } from "../clipboard";
import { asMarkdown } from "../markdown";
import { useAnnounce } from "../parts/announce";
import { Button, Failure, Kbd } from "../parts/ui";

export type Asking = "reject" | "snooze" | "duplicate";

interface AnswersProps {
  busy: boolean;
  onApprove: () => void;
  onAsk: (what: Asking) => void;
}

/** What one can answer to a proposal, or to several. */
export function Answers({ busy, onApprove, onAsk }: AnswersProps) {
  return (
    <>
      <Button look="primary" disabled={busy} onClick={onApprove}>
        Approve <Kbd>A</Kbd>
      </Button>
      <Button disabled={busy} onClick={() => onAsk("duplicate")}>
        Duplicate <Kbd>2</Kbd>
      </Button>
      <Button disabled={busy} onClick={() => onAsk("reject")}>
        Reject <Kbd>R</Kbd>
      </Button>
      <Button disabled={busy} onClick={() => onAsk("snooze")}>
        Snooze <Kbd>H</Kbd>
      </Button>
    </>
  );
}

/** Puts the proposal on the clipboard, for an issue or a coding agent; `byHand` is what the browser would not. */
export function useCopy() {
  const announce = useAnnounce();
  const [copied, setCopied] = useState<string>();
  const [byHand, setByHand] = useState<{ id: string; text: string }>();
  useEffect(() => {
    if (copied === undefined) return;
    const timer = setTimeout(() => setCopied(undefined), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const done = (id: string) => {
    setByHand(undefined);
    setCopied(id);
    announce("Copied as Markdown.");
  };
  const copy = (proposal: Proposal) => {
    const url = `${window.location.origin}/p/${proposal.product_id}/proposals?id=${proposal.id}`;
    const text = asMarkdown(proposal, url);
    void copyText(text).then((copied) => (copied ? done(proposal.id) : setByHand({ id: proposal.id, text })));
  };
  return { copy, copied, byHand, done, giveUp: () => setByHand(undefined) };
}

/** Has the text written anew; done when the proposal says that it was written later. */
export function Rewrite({ proposal, product }: { proposal: Proposal; product: string }) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const [since, setSince] = useState<string>();
  const ask = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/proposals/{proposal_id}/rewrite", { params: { path: { proposal_id: proposal.id } } })),
    onSuccess: (asked) => setSince(asked.updated_at),
  });
  const waiting = ask.isPending || (since !== undefined && since === proposal.updated_at);
  const done = since !== undefined && since !== proposal.updated_at;
  useEffect(() => {
    if (!waiting) return;
    const look = setInterval(() => {
      for (const key of [["proposals", product], ["proposal", proposal.id]]) void queries.invalidateQueries({ queryKey: key });
    }, 1000);
    return () => clearInterval(look);
  }, [waiting, queries, product, proposal.id]);
  useEffect(() => {
    if (done) announce("The text was written anew.");
  }, [done, announce]);
  return (
    <>
      <span className="flex items-center gap-3">
        {done && <span className="text-xs text-good">✓ written anew</span>}
        <Button disabled={waiting} onClick={() => ask.mutate()}>
          {waiting ? "Writing…" : "Write anew"}
        </Button>
      </span>
      {ask.error && <Failure error={ask.error} />}
    </>
  );
}
