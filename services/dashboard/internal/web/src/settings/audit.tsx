import { useMutation, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { api, unwrap } from "../api";
import { actionWords, actors, actorWords, subjects, toCSV, type AuditEntry } from "../audit";
import { asCount, asMoment } from "../format";
import { Button, Card, Empty, Failure, Loading } from "../parts/ui";

interface Filter {
  action?: string | undefined;
  actor?: string | undefined;
  from?: string | undefined;
}

// A download is as long as this; what is older is in the export of the account.
const mostDownloaded = 10_000;

const days: readonly (readonly [string, string])[] = [
  ["1", "24 hours"],
  ["7", "7 days"],
  ["30", "30 days"],
];

const page = (filter: Filter, cursor: string | undefined, limit: number) =>
  unwrap(api.GET("/api/v1/account/audit-log", { params: { query: { ...filter, cursor, limit } } }));

/** Who did what and when, with filters in the address, and whether the log is as it was written. */
export function AuditView() {
  const [search, setSearch] = useSearchParams();
  const choose = (name: string, value: string | undefined) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        next.delete("before");
        if (value === undefined) next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  const within = search.get("days") ?? undefined;
  const chosen = { about: search.get("about") ?? undefined, by: search.get("by") ?? undefined };
  const cursor = search.get("before") ?? undefined;
  const filter = (): Filter => ({ action: chosen.about, actor: chosen.by, from: within === undefined ? undefined : new Date(Date.now() - Number(within) * 86_400_000).toISOString() });
  const log = useQuery({ queryKey: ["audit-log", chosen.about, chosen.by, within, cursor], queryFn: () => page(filter(), cursor, 50), refetchInterval: cursor === undefined ? 5000 : false });
  const older = log.data?.next_cursor;
  const filtered = chosen.about !== undefined || chosen.by !== undefined || within !== undefined;
  return (
    <div className="space-y-4">
      <Whole />
      <Card label="Audit log">
        <div className="mb-3 flex flex-wrap items-start justify-between gap-3">
          <div>
            <h2 className="font-semibold">Audit log</h2>
            <p className="text-xs text-soft">Everything that was done with this account, newest first. Entries are never changed.</p>
          </div>
          <Download filter={filter} />
        </div>
        <Choice label="About" options={subjects} value={chosen.about} choose={(value) => choose("about", value)} />
        <Choice label="By" options={actors} value={chosen.by} choose={(value) => choose("by", value)} />
        <Choice label="In the last" options={days} value={within} choose={(value) => choose("days", value)} />
        {log.isPending && <Loading what="Loading the audit log" />}
        {log.error && <Failure error={log.error} />}
        {log.data?.items.length === 0 && <Empty>{filtered ? "Nothing of the kind was done." : "Nothing was done yet."}</Empty>}
        {log.data !== undefined && log.data.items.length > 0 && <Entries entries={log.data.items} />}
        <div className="mt-3 flex gap-2">
          {cursor !== undefined && <Button onClick={() => choose("before", undefined)}>Newest</Button>}
          {older !== undefined && <Button onClick={() => choose("before", older)}>Older</Button>}
        </div>
      </Card>
    </div>
  );
}

function Choice({ label, options, value, choose }: { label: string; options: readonly (readonly [string, string])[]; value: string | undefined; choose: (value: string | undefined) => void }) {
  return (
    <div role="group" aria-label={label} className="mb-2 flex flex-wrap items-center gap-1.5 text-xs">
      <span aria-hidden="true" className="mr-1 w-16 text-soft">
        {label}
      </span>
      {options.map(([name, words]) => (
        <button
          key={name}
          type="button"
          aria-pressed={value === name}
          className={`min-h-7 cursor-pointer rounded-full border px-2.5 ${value === name ? "border-transparent bg-accent text-on-accent" : "border-line text-ink hover:border-soft"}`}
          onClick={() => choose(value === name ? undefined : name)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}

/** A table where there is room for one, cards where there is not. */
function Entries({ entries }: { entries: readonly AuditEntry[] }) {
  return (
    <table role="table" aria-label="Entries" className="mt-3 block w-full text-left text-sm sm:table">
      <thead role="rowgroup" className="sr-only text-xs text-soft sm:not-sr-only sm:table-header-group">
        <tr role="row">
          {["What", "Who", "When", "Entry"].map((name) => (
            <th key={name} role="columnheader" scope="col" className="py-1 pr-3 font-medium">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" className="block divide-y divide-line sm:table-row-group">
        {entries.map((entry) => (
          <tr key={entry.id} role="row" className="block py-2 align-top sm:table-row">
            <td role="cell" className="block min-w-0 sm:table-cell sm:py-2 sm:pr-3">
              <details>
                <summary className="cursor-pointer font-medium">{actionWords(entry.action)}</summary>
                <pre tabIndex={0} aria-label="Details" className="mt-1 max-h-60 max-w-[75vw] overflow-auto rounded-lg bg-ground p-2 text-xs sm:max-w-md">
                  {JSON.stringify({ action: entry.action, actor: entry.actor, [entry.subject_type]: entry.subject_id, ...entry.detail, hash: entry.hash }, null, 2)}
                </pre>
              </details>
            </td>
            <td role="cell" className="block break-all text-soft sm:table-cell sm:py-2 sm:pr-3">
              {actorWords(entry)}
            </td>
            <td role="cell" className="inline-block text-xs text-soft sm:table-cell sm:py-2 sm:pr-3 sm:whitespace-nowrap">
              <time dateTime={entry.at}>{asMoment(entry.at)}</time>
            </td>
            <td role="cell" className="ml-2 inline-block text-xs text-soft tabular-nums sm:ml-0 sm:table-cell sm:py-2">
              #{entry.id}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Download({ filter }: { filter: () => Filter }) {
  const download = useMutation({
    mutationFn: async () => {
      const wanted = filter();
      const entries: AuditEntry[] = [];
      let cursor: string | undefined;
      do {
        const next = await page(wanted, cursor, 100);
        entries.push(...next.items);
        cursor = next.next_cursor;
      } while (cursor !== undefined && entries.length < mostDownloaded);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([toCSV(entries)], { type: "text/csv" }));
      link.download = "audit-log.csv";
      link.click();
      URL.revokeObjectURL(link.href);
      return entries.length;
    },
  });
  return (
    <div className="text-right">
      <Button onClick={() => download.mutate()} disabled={download.isPending}>
        {download.isPending ? "Reading…" : "Download CSV"}
      </Button>
      <p aria-live="polite" className="text-xs text-soft">
        {download.data !== undefined && `${asCount(download.data)} entries`}
      </p>
      {download.error && <Failure error={download.error} />}
    </div>
  );
}

const broken: Record<string, string> = {
  missing: "is missing",
  relinked: "does not follow the one before it",
  altered: "is not what was written",
  replaced: "is not the one that was noted",
};

/** Each entry holds the hash of the one before: the server computes them all anew when asked. */
function Whole() {
  const check = useMutation({ mutationFn: () => unwrap(api.GET("/api/v1/account/audit-log/verify", {})) });
  const found = check.data;
  return (
    <Card label="Check the log">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-prose text-sm">Each entry holds the hash of the one before, so that a change shows. Keep the newest hash somewhere else to be sure that nobody wrote the whole log anew.</p>
        <Button onClick={() => check.mutate()} disabled={check.isPending}>
          {check.isPending ? "Checking…" : "Check the log"}
        </Button>
      </div>
      {check.error && <Failure error={check.error} />}
      <div aria-live="polite">
        {found !== undefined && (
          <p className={`mt-2 text-sm font-medium ${found.intact ? "text-good" : "text-bad"}`}>
            {found.first_broken === undefined
              ? `✓ ${asCount(found.entries)} entries, each as it was written.`
              : `✕ Entry ${found.first_broken.id} ${broken[found.first_broken.reason] ?? found.first_broken.reason}.`}
          </p>
        )}
        {found?.head !== undefined && (
          <p className="mt-1 text-xs break-all text-soft">
            Newest:{" "}
            <code>
              {found.head.id}:{found.head.hash}
            </code>
          </p>
        )}
      </div>
    </Card>
  );
}
