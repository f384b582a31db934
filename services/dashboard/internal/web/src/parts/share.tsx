import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api, unwrap } from "../api";
import { expiry, history, lifetimes, statusLooks, type Share as Link } from "../sharing";
import { CopyButton } from "./copy-button";
import { Button, Chip, Failure, Field, inputClass } from "./ui";

const forms = [
  ["md", "Markdown"],
  ["json", "JSON"],
  ["svg", "chart"],
  ["csv", "daily counts"],
] as const;

/** The report of a deployment's proof, and the links that show it to others. */
export function Share({ deployment }: { deployment: string }) {
  const [open, setOpen] = useState(false);
  const panel = useId();
  return (
    <div className="mt-4 border-t border-line pt-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-sm">
        <Button aria-expanded={open} aria-controls={panel} onClick={() => setOpen(!open)}>
          Share
        </Button>
        <span className="text-soft">Report:</span>
        {forms.map(([form, words]) => (
          <a key={form} className="text-accent underline" href={`/api/v1/deployments/${deployment}/report?format=${form}`} target="_blank" rel="noreferrer">
            {words}
          </a>
        ))}
      </div>
      <div id={panel} hidden={!open}>
        {open && <Links deployment={deployment} />}
      </div>
    </div>
  );
}

function Links({ deployment }: { deployment: string }) {
  const queries = useQueryClient();
  const [days, setDays] = useState("30");
  const key = ["shares", deployment];
  const refresh = () => queries.invalidateQueries({ queryKey: key });
  const links = useQuery({
    queryKey: key,
    queryFn: () => unwrap(api.GET("/api/v1/shares", { params: { query: { deployment_id: deployment, limit: 100 } } })),
  });
  const create = useMutation({
    mutationFn: () => {
      const at = expiry(days, Date.now());
      return unwrap(
        api.POST("/api/v1/deployments/{deployment_id}/shares", {
          params: { path: { deployment_id: deployment } },
          body: at === undefined ? {} : { expires_at: at },
        }),
      );
    },
    onSuccess: refresh,
  });
  const revoke = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/v1/shares/{share_id}", { params: { path: { share_id: id } } })),
    onSuccess: refresh,
  });
  const failure = links.error ?? create.error ?? revoke.error;
  return (
    <section aria-label="Links to this proof" className="mt-3 space-y-3">
      <p className="text-sm text-soft">Whoever has a link reads the proof without signing in: no signals, no people, no ids.</p>
      {failure && <Failure error={failure} />}
      <form
        className="flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Field label="The link opens">
          <select className={inputClass} value={days} onChange={(e) => setDays(e.target.value)}>
            {lifetimes.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </Field>
        <Button type="submit" look="primary" disabled={create.isPending}>
          Make a link
        </Button>
      </form>
      {create.data && <Fresh key={create.data.path} path={create.data.path} />}
      {links.data && links.data.items.length > 0 && (
        <ul className="divide-y divide-line">
          {links.data.items.map((link) => (
            <Row key={link.id} link={link} busy={revoke.isPending} onRevoke={() => revoke.mutate(link.id)} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** A link that was just made: the only time it can be copied. */
function Fresh({ path }: { path: string }) {
  const url = window.location.origin + path;
  return (
    <div role="status" className="rounded-lg border border-good/50 p-3 text-sm">
      <p className="mb-2">Shown once; copy it now.</p>
      <div className="flex flex-wrap gap-2">
        <input aria-label="The link" readOnly className={`${inputClass} min-w-0 flex-1`} value={url} onFocus={(e) => e.target.select()} />
        <CopyButton text={url} />
        <a className="self-center text-accent underline" href={path} target="_blank" rel="noreferrer">
          Open
        </a>
      </div>
    </div>
  );
}

function Row({ link, busy, onRevoke }: { link: Link; busy: boolean; onRevoke: () => void }) {
  const [tone, word] = statusLooks[link.status];
  return (
    <li className="flex flex-wrap items-center justify-between gap-2 py-2 text-sm">
      <span>
        <Chip tone={tone}>{word}</Chip> <code>{link.hint}…</code>
        <span className="block text-xs text-soft">{history(link)}</span>
      </span>
      {link.status === "active" && (
        <Button disabled={busy} aria-label={`Revoke ${link.hint}`} onClick={onRevoke}>
          Revoke
        </Button>
      )}
    </li>
  );
}
