import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Proposal } from "../api";
import { useAnnounce } from "../parts/announce";
import { Dialog } from "../parts/dialog";
import { Button, Failure, Field, inputClass } from "../parts/ui";

interface EditDialogProps {
  proposal: Proposal;
  product: string;
  onClose: () => void;
}

/** Puts title and suggested change in other words; what was written can always be had again. */
export function EditDialog({ proposal, product, onClose }: EditDialogProps) {
  const queries = useQueryClient();
  const announce = useAnnounce();
  const [title, setTitle] = useState(proposal.title);
  const [change, setChange] = useState(proposal.suggested_change);
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH("/api/v1/proposals/{proposal_id}", {
          params: { path: { proposal_id: proposal.id } },
          body: { title, suggested_change: change, content_hash: proposal.content_hash },
        }),
      ),
    onSuccess: () => {
      announce("Saved.");
      onClose();
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["proposals", product] });
      void queries.invalidateQueries({ queryKey: ["proposal"] });
    },
  });
  const written = proposal.edit;
  return (
    <Dialog title="Edit the proposal" onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field label="Title">
          <input className={inputClass} value={title} required maxLength={200} autoFocus onChange={(e) => setTitle(e.target.value)} />
        </Field>
        <Field label="Suggested change, one step a line">
          <textarea className={`${inputClass} min-h-56`} value={change} required maxLength={8000} onChange={(e) => setChange(e.target.value)} />
        </Field>
        <p className="text-xs text-soft">The diagnosis cannot be edited: each of its numbers is held to the evidence. New evidence leaves your words as they are.</p>
        {save.error && <Failure error={save.error} />}
        <div className="flex flex-wrap justify-end gap-2">
          {written !== undefined && (
            <Button
              className="mr-auto"
              onClick={() => {
                setTitle(written.title);
                setChange(written.suggested_change);
              }}
            >
              As it was written
            </Button>
          )}
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" disabled={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
