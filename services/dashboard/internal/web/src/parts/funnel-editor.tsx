import { useState } from "react";
import { addStep, funnelProblem, longestFunnel, moveStep } from "../lifecycle";
import { Button, Field, inputClass } from "./ui";

interface FunnelEditorProps {
  steps: string[];
  /** Types that were seen lately, to choose from. */
  seen: string[];
  onChange: (steps: string[]) => void;
}

/** The types of a funnel in the order in which a session takes them. */
export function FunnelEditor({ steps, seen, onChange }: FunnelEditorProps) {
  const [next, setNext] = useState("");
  const problem = funnelProblem(steps);
  const add = () => {
    onChange(addStep(steps, next.trim()));
    setNext("");
  };
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1 text-sm font-medium">Funnel: steps in their order</legend>
      <ol className="flex flex-wrap gap-2">
        {steps.map((step, i) => (
          <li key={step} className="inline-flex items-center gap-1 rounded-full border border-line px-2 py-0.5 text-sm">
            <span>
              <span className="text-soft">{i + 1}</span> {step}
            </span>
            <StepButton name={`Move ${step} forward`} disabled={i === 0} onClick={() => onChange(moveStep(steps, i, -1))} sign="←" />
            <StepButton name={`Move ${step} back`} disabled={i === steps.length - 1} onClick={() => onChange(moveStep(steps, i, 1))} sign="→" />
            <StepButton name={`Remove ${step}`} onClick={() => onChange(steps.filter((other) => other !== step))} sign="✕" />
          </li>
        ))}
        {steps.length === 0 && <li className="text-sm text-soft">No funnel.</li>}
      </ol>
      {problem !== undefined && <p className="text-sm text-warn">{problem}</p>}
      {steps.length < longestFunnel && (
        <div className="flex items-end gap-2">
          <div className="grow">
            <Field label="Next step">
              <input
                className={inputClass}
                list="types-seen"
                value={next}
                maxLength={100}
                onChange={(e) => setNext(e.target.value)}
                onKeyDown={(e) => {
                  if (e.key !== "Enter") return;
                  e.preventDefault(); // adds the step, and does not save the form
                  add();
                }}
              />
            </Field>
          </div>
          <datalist id="types-seen">
            {seen
              .filter((type) => !steps.includes(type))
              .map((type) => (
                <option key={type} value={type} />
              ))}
          </datalist>
          <Button onClick={add} disabled={next.trim() === ""}>
            Add step
          </Button>
        </div>
      )}
    </fieldset>
  );
}

interface StepButtonProps {
  name: string;
  sign: string;
  disabled?: boolean;
  onClick: () => void;
}

function StepButton({ name, sign, disabled = false, onClick }: StepButtonProps) {
  return (
    <button type="button" aria-label={name} disabled={disabled} onClick={onClick} className="min-h-6 min-w-6 cursor-pointer rounded-full text-soft hover:text-ink disabled:opacity-40">
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}
