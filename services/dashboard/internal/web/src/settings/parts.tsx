import { useState, type ReactNode } from "react";
import { CopyButton } from "../parts/copy-button";
import { Button, Card, Empty, Failure, Field, inputClass, Loading } from "../parts/ui";
import { graces, works, type Grace, type Status } from "./credentials";

/** A secret or public text with a button that copies it. */
export function Copyable({ label, text }: { label: string; text: string }) {
  return (
    <div className="flex flex-wrap items-center gap-2">
      <code className="min-w-0 break-all rounded bg-ground px-1.5 py-0.5 text-xs">{text}</code>
      <CopyButton text={text} label={`Copy ${label}`} />
    </div>
  );
}

/** A choice from few. */
export function Choice({ label, value, options, onChange }: { label: string; value: string; options: readonly (readonly [string, string])[]; onChange: (value: string) => void }) {
  return (
    <Field label={label}>
      <select className={inputClass} value={value} onChange={(change) => onChange(change.target.value)}>
        {options.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}

interface Confirm {
  words: string;
  busy: boolean;
  onClose: () => void;
}

/** The buttons that end a dialog. */
export function Buttons({ words, busy, onClose }: Confirm) {
  return (
    <div className="mt-5 flex flex-wrap justify-end gap-2">
      <Button onClick={onClose}>Cancel</Button>
      <Button type="submit" look="primary" disabled={busy}>
        {words}
      </Button>
    </div>
  );
}

/** How to roll: the same for a key and a token. */
export function RollForm({ children, busy, onClose, onRoll }: { children: ReactNode; busy: boolean; onClose: () => void; onRoll: (grace: Grace) => void }) {
  const [grace, setGrace] = useState<Grace>("24h");
  return (
    <form
      className="space-y-3 text-sm"
      onSubmit={(event) => {
        event.preventDefault();
        onRoll(grace);
      }}
    >
      {children}
      <Choice label="The old one" value={grace} options={graces} onChange={(value) => setGrace(graces.find(([one]) => one === value)?.[0] ?? "24h")} />
      <Buttons words="Roll" busy={busy} onClose={onClose} />
    </form>
  );
}

/** What to do when a key or token was seen by who should not. */
export function Leaked({ children }: { children: ReactNode }) {
  return (
    <details className="rounded-xl border border-line bg-card p-4 text-sm sm:p-5">
      <summary className="cursor-pointer font-semibold">If one has leaked</summary>
      <ol className="mt-3 list-decimal space-y-2 pl-5">{children}</ol>
      <p className="mt-3 text-soft">
        <code>specter keys check</code> finds keys and tokens in any text, without a network: run it over a repository&apos;s history or a log.
      </p>
    </details>
  );
}

interface CredentialsProps<T> {
  title: string;
  lead: string;
  items: readonly T[] | undefined;
  error: Error | null;
  none: string;
  row: (item: T) => ReactNode;
}

/** What works, each in a row, and below it what works no more. */
export function Credentials<T extends { id: string; status: Status }>({ title, lead, items, error, none, row }: CredentialsProps<T>) {
  const good = items?.filter((item) => works(item.status)) ?? [];
  const ended = items?.filter((item) => !works(item.status)) ?? [];
  return (
    <Card label={title}>
      <h2 className="font-semibold">{title}</h2>
      <p className="mb-3 text-sm text-soft">{lead}</p>
      {items === undefined && error === null && <Loading what={`Loading ${title.toLowerCase()}`} />}
      {error && <Failure error={error} />}
      {items !== undefined && good.length === 0 && <Empty>{none}</Empty>}
      <ul className="divide-y divide-line">{good.map(row)}</ul>
      {ended.length > 0 && (
        <details className="mt-3 text-sm">
          <summary className="cursor-pointer text-soft">{ended.length} that work no more</summary>
          <ul className="divide-y divide-line">{ended.map(row)}</ul>
        </details>
      )}
    </Card>
  );
}
