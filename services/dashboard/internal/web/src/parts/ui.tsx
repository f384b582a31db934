import type { ButtonHTMLAttributes, ReactNode } from "react";
import { Link } from "wouter";
import { ApiError } from "../api";
import { useTitle } from "../title";

export type Tone = "neutral" | "good" | "bad" | "warn" | "accent";

const toneText: Record<Tone, string> = {
  neutral: "text-soft border-line",
  good: "text-good border-good/50",
  bad: "text-bad border-bad/50",
  warn: "text-warn border-warn/50",
  accent: "text-accent border-accent/50",
};

export function Chip({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={`inline-flex items-center gap-1 rounded-full border px-2 py-0.5 text-xs font-medium whitespace-nowrap ${toneText[tone]}`}>
      {children}
    </span>
  );
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: "primary" | "plain";
}

export function Button({ look = "plain", className = "", ...rest }: ButtonProps) {
  const paint = look === "primary" ? "bg-accent text-on-accent border-transparent" : "bg-card text-ink border-line hover:border-soft";
  return (
    <button
      type="button"
      className={`inline-flex min-h-9 items-center justify-center rounded-lg border px-3 py-1 text-sm font-medium disabled:opacity-60 cursor-pointer ${paint} ${className}`}
      {...rest}
    />
  );
}

/** The key that does the same; people who cannot see it find it in the list of keys. */
export function Kbd({ children }: { children: string }) {
  return (
    <kbd aria-hidden="true" className="ml-1 hidden rounded border border-current/30 px-1 font-sans text-[0.7rem] leading-4 font-normal opacity-80 lg:inline-block">
      {children}
    </kbd>
  );
}

export function Card({ children, label }: { children: ReactNode; label?: string }) {
  return (
    <section aria-label={label} className="rounded-xl border border-line bg-card p-4 sm:p-5">
      {children}
    </section>
  );
}

interface TitleProps {
  children: string;
  /** What the browser calls the page, where it is one of several under this heading. */
  page?: string;
  aside?: ReactNode;
}

/** The heading of a page, which names the page for the browser, too. */
export function Title({ children, page = children, aside }: TitleProps) {
  useTitle(page);
  return (
    <div className="mb-4 flex flex-wrap items-center justify-between gap-3">
      <h1 className="text-xl font-semibold">{children}</h1>
      {aside}
    </div>
  );
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="font-medium tabular-nums">{children}</dd>
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <p role="status" className="p-6 text-soft">
      {what}…
    </p>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="rounded-xl border border-dashed border-line p-8 text-center text-soft">{children}</div>;
}

/** What, why and what next; the request id finds the line in the log. */
export function Failure({ error }: { error: Error }) {
  const id = error instanceof ApiError ? error.requestId : undefined;
  return (
    <div role="alert" className="rounded-xl border border-bad/50 p-4 text-bad">
      <p className="font-medium">{error instanceof ApiError ? error.message : "The server cannot be reached. It is tried again by itself."}</p>
      {id !== undefined && <p className="mt-1 text-xs">Request {id}</p>}
    </div>
  );
}

export function Field({ label, children }: { label: string; children: ReactNode }) {
  return (
    <label className="block text-sm">
      <span className="mb-1 block font-medium">{label}</span>
      {children}
    </label>
  );
}

export const inputClass = "w-full rounded-lg border border-line bg-ground px-3 py-2 text-ink";

interface TabsProps<T extends string> {
  label: string;
  current: T;
  tabs: readonly (readonly [T, string])[];
  href: (tab: T) => string;
  /** How much there is in a view, where that is known. */
  counts?: Partial<Record<T, number>>;
}

/** Views of one page; each has an address of its own. */
export function Tabs<T extends string>({ label, current, tabs, href, counts }: TabsProps<T>) {
  return (
    <nav aria-label={label} className="mb-4 flex flex-wrap gap-x-4 border-b border-line">
      {tabs.map(([name, words]) => (
        <Link
          key={name}
          href={href(name)}
          aria-current={current === name ? "page" : undefined}
          className={`-mb-px border-b-2 px-1 pb-2 text-sm font-medium ${current === name ? "border-accent text-ink" : "border-transparent text-soft hover:text-ink"}`}
        >
          {words}
          {counts?.[name] !== undefined && <span className="ml-1.5 rounded-full bg-line px-1.5 text-xs tabular-nums text-ink">{counts[name]}</span>}
        </Link>
      ))}
    </nav>
  );
}
