import { useState } from "react";
import type { Proposal } from "../api";
import { matching, reasons, snoozes, snoozeUntil, twinsOf, type Reason } from "../lifecycle";
import { Dialog } from "../parts/dialog";
import { Button, Field, inputClass } from "../parts/ui";
import type { Decision } from "./decisions";

interface DecisionDialogProps {
  proposals: Proposal[];
  onDecide: (decision: Decision) => void;
  onClose: () => void;
}

const subject = (proposals: Proposal[]) => (proposals.length === 1 ? `‘${proposals[0]?.title ?? ""}’` : `${proposals.length} proposals`);

interface ChoiceProps {
  name: string;
  checked: boolean;
  onChoose: () => void;
  autoFocus?: boolean;
  title: string;
  children?: string;
}

function Choice({ name, checked, onChoose, autoFocus = false, title, children }: ChoiceProps) {
  return (
    <label className={`flex cursor-pointer items-start gap-3 rounded-lg border px-3 py-2 text-sm ${checked ? "border-accent bg-accent/8" : "border-line hover:border-soft"}`}>
      <input type="radio" name={name} className="mt-1 accent-accent" checked={checked} onChange={onChoose} autoFocus={autoFocus} />
      <span className="min-w-0">
        <span className="font-medium">{title}</span>
        {children !== undefined && <span className="block text-xs text-soft">{children}</span>}
      </span>
    </label>
  );
}

function Answers({ children, onClose }: { children: string; onClose: () => void }) {
  return (
    <div className="flex justify-end gap-2">
      <Button onClick={onClose}>Cancel</Button>
      <Button type="submit" look="primary">
        {children}
      </Button>
    </div>
  );
}

export function RejectDialog({ proposals, onDecide, onClose }: DecisionDialogProps) {
  const [code, setCode] = useState<Reason>("not_a_problem");
  const [note, setNote] = useState("");
  return (
    <Dialog title={`Reject ${subject(proposals)}`} onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          onDecide({ decision: "rejected", reason_code: code, reason: note });
        }}
      >
        <fieldset className="space-y-2">
          <legend className="mb-2 text-sm font-medium">Not useful because…</legend>
          {reasons.map(([name, word, effect], i) => (
            <Choice key={name} name="reason" checked={code === name} onChoose={() => setCode(name)} autoFocus={i === 0} title={word}>
              {effect}
            </Choice>
          ))}
        </fieldset>
        <Field label="In your own words (optional)">
          <input className={inputClass} value={note} maxLength={2000} onChange={(e) => setNote(e.target.value)} />
        </Field>
        <Answers onClose={onClose}>Reject</Answers>
      </form>
    </Dialog>
  );
}

export function SnoozeDialog({ proposals, onDecide, onClose }: DecisionDialogProps) {
  const [days, setDays] = useState("1");
  return (
    <Dialog title={`Snooze ${subject(proposals)}`} onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          onDecide({ decision: "snoozed", snooze_until: snoozeUntil(days, Date.now()) });
        }}
      >
        <fieldset className="space-y-2">
          <legend className="mb-2 text-sm text-soft">It comes back to be decided; new evidence is added to it meanwhile.</legend>
          {snoozes.map(([value, words], i) => (
            <Choice key={value} name="days" checked={days === value} onChoose={() => setDays(value)} autoFocus={i === 0} title={words} />
          ))}
        </fieldset>
        <Answers onClose={onClose}>Snooze</Answers>
      </form>
    </Dialog>
  );
}

interface DuplicateDialogProps extends DecisionDialogProps {
  /** What it may repeat. */
  others: Proposal[];
}

export function DuplicateDialog({ proposals, others, onDecide, onClose }: DuplicateDialogProps) {
  const first = proposals[0];
  const twins = first === undefined ? [] : twinsOf(first, others).filter((t) => !proposals.some((p) => p.id === t.proposal.id));
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState(twins[0]?.proposal.id);
  const shown = matching(
    twins.map((t) => t.proposal),
    search,
  ).slice(0, 8);
  const alike = new Set(twins.filter((t) => t.alike).map((t) => t.proposal.id));
  return (
    <Dialog title={`${subject(proposals)} ${proposals.length === 1 ? "repeats" : "repeat"}…`} onClose={onClose}>
      {twins.length === 0 ? (
        <div className="space-y-4">
          <p className="text-sm text-soft">There is no other proposal that it could repeat.</p>
          <div className="flex justify-end">
            <Button onClick={onClose}>Close</Button>
          </div>
        </div>
      ) : (
        <form
          className="space-y-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (chosen !== undefined) onDecide({ decision: "duplicate", duplicate_of: chosen });
          }}
        >
          {twins.length > 5 && (
            <Field label="Search">
              <input className={inputClass} type="search" value={search} onChange={(e) => setSearch(e.target.value)} />
            </Field>
          )}
          <fieldset className="space-y-2">
            <legend className="mb-2 text-sm text-soft">The one you choose stands for both; what happens to it is what happens to the matter.</legend>
            {shown.map((p, i) => (
              <Choice key={p.id} name="twin" checked={chosen === p.id} onChoose={() => setChosen(p.id)} autoFocus={i === 0} title={p.title}>
                {`${p.context_name} · ${p.status === "pending" ? "to decide" : p.status}${alike.has(p.id) ? " · looks alike" : ""}`}
              </Choice>
            ))}
            {shown.length === 0 && <p className="text-sm text-soft">Nothing matches.</p>}
          </fieldset>
          <Answers onClose={onClose}>Mark as duplicate</Answers>
        </form>
      )}
    </Dialog>
  );
}
