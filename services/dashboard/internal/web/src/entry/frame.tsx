import { useEffect, useRef, type FormEvent, type ReactNode } from "react";
import { ApiError } from "../api";
import { Button, Card, Failure, Field, inputClass } from "../parts/ui";
import { brand, useTitle } from "../title";

/** A page for people who are not signed in, or not yet. */
export function Frame({ title, lead, children, below }: { title: string; lead?: string; children: ReactNode; below?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // What led here is gone from the page, and the keyboard with it. The first page to open has not been led to.
    if (document.title !== brand) heading.current?.focus();
  }, [title]);
  useTitle(title); // after the look at the one before
  return (
    <main className="mx-auto my-12 max-w-sm px-4">
      <p className="mb-6 text-lg font-semibold text-accent">Specter</p>
      <h1 ref={heading} tabIndex={-1} className="text-2xl font-semibold outline-none">
        {title}
      </h1>
      {lead !== undefined && <p className="mt-1 text-soft">{lead}</p>}
      <div className="mt-6">
        <Card>{children}</Card>
      </div>
      {below !== undefined && <div className="mt-4 space-y-1 text-center text-sm text-soft">{below}</div>}
      <p className="mt-6 text-center text-xs text-soft">
        <a className="underline" href="/privacy">
          Privacy
        </a>
      </p>
    </main>
  );
}

export function EmailField({ value, onChange, label = "E-mail" }: { value: string; onChange: (email: string) => void; label?: string }) {
  return (
    <Field label={label}>
      <input className={inputClass} type="email" name="email" autoComplete="username" required value={value} onChange={(e) => onChange(e.target.value)} />
    </Field>
  );
}

interface PasswordFieldProps {
  label?: string;
  name?: string;
  value: string;
  isNew?: boolean;
  onChange: (password: string) => void;
}

export function PasswordField({ label = "Password", name = "password", value, isNew = false, onChange }: PasswordFieldProps) {
  return (
    <Field label={label}>
      <input
        className={inputClass}
        type="password"
        name={name}
        autoComplete={isNew ? "new-password" : "current-password"}
        minLength={isNew ? 10 : 1}
        maxLength={200}
        required
        value={value}
        onChange={(e) => onChange(e.target.value)}
      />
      {isNew && <span className="mt-1 block text-xs text-soft">At least 10 characters.</span>}
    </Field>
  );
}

interface EntryFormProps {
  action: string;
  pending: boolean;
  error: Error | null;
  onSubmit: () => void;
  children?: ReactNode;
}

export function EntryForm({ action, pending, error, onSubmit, children }: EntryFormProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <form className="space-y-4" onSubmit={submit}>
      {children}
      {error && <Refusal error={error} />}
      <Button type="submit" look="primary" className="w-full" disabled={pending}>
        {action}
      </Button>
    </form>
  );
}

/** A refusal with what the server says of each field. */
export function Refusal({ error }: { error: Error }) {
  if (!(error instanceof ApiError) || error.details.length === 0) return <Failure error={error} />;
  return (
    <div role="alert" className="rounded-xl border border-bad/50 p-4 text-bad">
      <p className="font-medium">{error.message}</p>
      <ul className="mt-1 text-sm">
        {error.details.map((detail) => (
          <li key={detail}>{detail}</li>
        ))}
      </ul>
    </div>
  );
}
