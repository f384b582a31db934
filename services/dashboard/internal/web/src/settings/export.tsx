import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "../api";
import { exportLooks, isOnItsWay, share, spoken, told, type Export } from "../exports";
import { Button, Card, Chip, Failure, Loading } from "../parts/ui";

const key = ["exports"];

function useExports() {
  return useQuery({
    queryKey: key,
    queryFn: () => unwrap(api.GET("/api/v1/account/exports", { params: { query: { limit: 10 } } })),
    refetchInterval: (query) => (query.state.data?.items.some(isOnItsWay) ? 1500 : 60_000),
  });
}

/** Takes out everything the account has. */
export function ExportCard() {
  const queries = useQueryClient();
  const exports = useExports();
  const refresh = () => queries.invalidateQueries({ queryKey: key });
  const create = useMutation({ mutationFn: () => unwrap(api.POST("/api/v1/account/exports")), onSettled: refresh });
  const remove = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/v1/account/exports/{export_id}", { params: { path: { export_id: id } } })),
    onSettled: refresh,
  });
  const items = exports.data?.items ?? [];
  const busy = items.some(isOnItsWay);
  const failure = exports.error ?? create.error ?? remove.error;
  return (
    <Card label="Export">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <h2 className="font-semibold">Export everything</h2>
        <Button look="primary" onClick={() => create.mutate()} disabled={busy || create.isPending}>
          {busy ? "Being made…" : "Start an export"}
        </Button>
      </div>
      <p className="text-sm text-soft">One archive with everything the account has at this moment. You may leave this page while it is made.</p>
      <Inside />
      {failure && <Failure error={failure} />}
      {exports.isPending && <Loading what="Loading exports" />}
      <ul className="mt-2 divide-y divide-line">
        {items.map((item) => (
          <Row key={item.id} item={item} busy={remove.isPending} onDelete={() => remove.mutate(item.id)} />
        ))}
      </ul>
      <p role="status" aria-live="polite" className="sr-only">
        {spoken(items[0])}
      </p>
    </Card>
  );
}

function Inside() {
  return (
    <details className="mt-2 text-sm">
      <summary className="cursor-pointer text-accent">What is inside</summary>
      <ul className="mt-2 list-disc space-y-1 pl-5 text-soft">
        <li>Every table as JSON Lines and as CSV: products, contexts, signals with their payloads, analyses, findings, proposals, decisions, deployments, verifications, webhooks, the audit log and the rest.</li>
        <li>A README in plain words, and a manifest with the size and the checksum of every file.</li>
        <li>No secrets: keys, tokens and links are there by their first characters.</li>
        <li>
          On a command line, <code>specter export</code> does the same and checks every file.
        </li>
      </ul>
    </details>
  );
}

// Browsers paint its ground grey in either theme.
const bar =
  "mt-2 block h-2 w-full appearance-none overflow-hidden rounded-full bg-line [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-accent";

function Row({ item, busy, onDelete }: { item: Export; busy: boolean; onDelete: () => void }) {
  const [tone, word] = exportLooks[item.status];
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 py-3 text-sm">
      <div className="min-w-0 flex-1 basis-64">
        <Chip tone={tone}>{word}</Chip>
        <span className="mt-1 block text-soft">{told(item)}</span>
        {item.status === "building" && <progress aria-label="Rows that are written" className={bar} value={share(item) ?? 0} max={1} />}
      </div>
      <div className="flex gap-2">
        {item.status === "ready" && (
          <a
            className="inline-flex min-h-9 items-center rounded-lg border border-line px-3 py-1 font-medium text-accent hover:border-soft"
            href={`/api/v1/account/exports/${item.id}/archive`}
            download={item.filename}
          >
            Download
          </a>
        )}
        <Button disabled={busy} aria-label={`${isOnItsWay(item) ? "Cancel" : "Delete"} the export of ${item.requested_at}`} onClick={onDelete}>
          {isOnItsWay(item) ? "Cancel" : "Delete"}
        </Button>
      </div>
    </li>
  );
}
