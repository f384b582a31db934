import { useState, type ReactNode } from "react";
import { Button, Failure, Field, inputClass } from "../parts/ui";
import type { Form } from "./words";

interface Props {
  initial: Form;
  submit: string;
  busy: boolean;
  error: Error | null;
  /** The time cannot be changed any more, and why. */
  fixedTime?: string | undefined;
  onSubmit: (form: Form) => void;
  onCancel: () => void;
  children?: ReactNode;
}

/** What shipped, when, where and to whom. */
export function ReportForm({ initial, submit, busy, error, fixedTime, onSubmit, onCancel, children }: Props) {
  const [form, setForm] = useState(initial);
  const input = (name: keyof Form, more: React.InputHTMLAttributes<HTMLInputElement>) => (
    <input className={inputClass} value={form[name]} onChange={(e) => setForm({ ...form, [name]: e.target.value })} {...more} />
  );
  return (
    <form
      className="mt-4 grid max-w-2xl gap-3 sm:grid-cols-2"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(form);
      }}
    >
      {children}
      <Field label="Version">{input("version", { maxLength: 200 })}</Field>
      <Field label="Commit">{input("commit", { maxLength: 64 })}</Field>
      <Field label="Link (release, pipeline, pull request)">{input("url", { type: "url", maxLength: 2000, placeholder: "https://" })}</Field>
      <Field label="Environment">{input("environment", { maxLength: 100 })}</Field>
      <Field label={fixedTime ?? "Deployed at (empty: now)"}>{input("at", { type: "datetime-local", disabled: fixedTime !== undefined })}</Field>
      <Field label="Percent of the traffic (empty: all)">{input("share", { type: "number", min: 0, max: 100, step: "any" })}</Field>
      {error && (
        <div className="sm:col-span-2">
          <Failure error={error} />
        </div>
      )}
      <div className="flex gap-2 sm:col-span-2">
        <Button type="submit" look="primary" disabled={busy}>
          {submit}
        </Button>
        <Button onClick={onCancel}>Close</Button>
      </div>
    </form>
  );
}
