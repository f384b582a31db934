import { Link, useSearchParams } from "wouter";
import { asUtc } from "../format";

const names = ["type", "context", "q", "session", "from", "to"] as const;
type Name = (typeof names)[number];

/** The filters of a list of signals; they are in the address, so that a link holds them. */
export interface Filters {
  list: { name: Name; value: string }[];
  query: { type?: string; context_id?: string; q?: string; session_id?: string; from?: string; to?: string };
  hrefWith: (name: Name, value: string) => string;
  hrefWithout: (name?: Name) => string;
}

// A part of an address that is no time would only be answered with an error.
const valid = (name: Name, value: string) => (name !== "from" && name !== "to") || !Number.isNaN(Date.parse(value));

export function useFilters(product: string): Filters {
  const [search] = useSearchParams();
  const list = names.flatMap((name) => {
    const value = search.get(name);
    return value === null || value === "" || !valid(name, value) ? [] : [{ name, value }];
  });
  const value = (name: Name) => list.find((f) => f.name === name)?.value;
  const href = (change: (params: URLSearchParams) => void) => {
    const params = new URLSearchParams(list.map((f) => [f.name, f.value]));
    change(params);
    const text = params.toString();
    return `/p/${product}/signals${text === "" ? "" : `?${text}`}`;
  };
  const query: Filters["query"] = {};
  const [type, context, q, session, from, to] = names.map(value);
  if (type !== undefined) query.type = type;
  if (context !== undefined) query.context_id = context;
  if (q !== undefined) query.q = q;
  if (session !== undefined) query.session_id = session;
  if (from !== undefined) query.from = from;
  if (to !== undefined) query.to = to;
  return {
    list,
    query,
    hrefWith: (name, text) => href((params) => params.set(name, text)),
    hrefWithout: (name) => href((params) => (name === undefined ? names : [name]).forEach((each) => params.delete(each))),
  };
}

const words: Record<Name, (value: string) => string> = {
  type: (value) => value,
  context: (value) => `in ${value}`,
  q: (value) => `with “${value}”`,
  session: (value) => `session ${value}`,
  from: (value) => `from ${asUtc(value)}`,
  to: (value) => `to ${asUtc(value)}`,
};

/** What the list is narrowed to; each filter can be taken away. */
export function FilterChips({ filters, contextName }: { filters: Filters; contextName: string | undefined }) {
  if (filters.list.length === 0) return null;
  return (
    <ul aria-label="Filters" className="mb-4 flex flex-wrap items-center gap-2 text-sm">
      {filters.list.map(({ name, value }) => {
        const text = words[name](name === "context" ? (contextName ?? "this context") : value);
        return (
          <li key={name}>
            <Link href={filters.hrefWithout(name)} aria-label={`Remove the filter ${text}`} className="inline-flex items-center gap-1.5 rounded-full border border-line bg-card px-3 py-1 hover:border-soft">
              {text} <span aria-hidden="true">✕</span>
            </Link>
          </li>
        );
      })}
      <li>
        <Link href={filters.hrefWithout()} className="text-accent underline">
          Show all
        </Link>
      </li>
    </ul>
  );
}
