import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, unwrap, type Schemas } from "../api";
import { CopyText } from "../deploys/copy-text";
import { curlSnippet, shortCommit, trailer, workflowSnippet, type Receipt } from "../deploys/words";
import { asMoment } from "../format";
import { Button, Card, Chip, Empty, Failure, Field, inputClass, Loading, Title, type Tone } from "../parts/ui";

type Hook = Schemas["DeployHook"];

const absolute = (address: string) => new URL(address, window.location.origin).toString();

export function DeployHookPage({ product }: { product: string }) {
  const path = { product_id: product };
  const hook = useQuery({
    queryKey: ["deploy-hook", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/deploy-hook", { params: { path } })),
  });
  return (
    <>
      <Title
        aside={
          <Link href={`/p/${product}/deployments`} className="text-sm font-medium text-accent underline">
            Deployments
          </Link>
        }
      >
        How deployments are noticed
      </Title>
      {hook.isPending && <Loading what="Loading the deploy hook" />}
      {hook.error && <Failure error={hook.error} />}
      {hook.data && (
        <div className="space-y-6">
          <Pipeline product={product} hook={hook.data} />
          <GitHub product={product} hook={hook.data} />
          <Counts key={hook.data.revision} product={product} hook={hook.data} />
          <Receipts product={product} hook={hook.data} />
        </div>
      )}
    </>
  );
}

function useRefresh(product: string) {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ["deploy-hook", product] });
}

const graces = [
  [0, "ends at once"],
  [1, "works for 1 hour"],
  [24, "works for 24 hours"],
  [168, "works for 7 days"],
] as const;

interface RotateProps {
  /** There is one already. */
  there: boolean;
  make: string;
  busy: boolean;
  onRotate: (graceHours: number) => void;
  onRevoke: () => void;
}

function Rotate({ there, make, busy, onRotate, onRevoke }: RotateProps) {
  const [grace, setGrace] = useState(0);
  if (!there) {
    return (
      <Button look="primary" disabled={busy} onClick={() => onRotate(0)}>
        {make}
      </Button>
    );
  }
  return (
    <div className="flex flex-wrap items-end gap-2">
      <Field label="The one in use">
        <select className={inputClass} value={grace} onChange={(e) => setGrace(Number(e.target.value))}>
          {graces.map(([hours, words]) => (
            <option key={hours} value={hours}>
              {words}
            </option>
          ))}
        </select>
      </Field>
      <Button disabled={busy} onClick={() => onRotate(grace)}>
        {make}
      </Button>
      <Button disabled={busy} onClick={onRevoke}>
        Revoke
      </Button>
    </div>
  );
}

function Pipeline({ product, hook }: { product: string; hook: Hook }) {
  const params = { path: { product_id: product } };
  const refresh = useRefresh(product);
  const rotate = useMutation({
    mutationFn: (grace_hours: number) => unwrap(api.POST("/api/v1/products/{product_id}/deploy-hook/token", { params, body: { grace_hours } })),
    onSuccess: refresh,
  });
  const revoke = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/products/{product_id}/deploy-hook/token", { params })),
    onSuccess: () => {
      rotate.reset();
      return refresh();
    },
  });
  const failure = rotate.error ?? revoke.error;
  const there = hook.token_made_at !== undefined;
  return (
    <Card label="Any pipeline">
      <h2 className="font-semibold">Any pipeline</h2>
      <p className="mt-1 mb-3 text-sm text-soft">
        An address that your CI posts to when it has deployed: as a form, JSON or in the query. Repeating a report is harmless, and one that matches nothing fails no pipeline.
      </p>
      {failure && <Failure error={failure} />}
      {rotate.data ? (
        <div role="status" className="mb-4 space-y-3">
          <CopyText name="The address, shown once: keep it like a password" text={absolute(rotate.data.url)} />
          <CopyText name="At the end of a deployment" text={curlSnippet(absolute(rotate.data.url))} />
          <CopyText name="In a GitHub workflow, with the address as a secret" text={workflowSnippet()} />
        </div>
      ) : (
        <p className="mb-3 text-sm">
          {there ? (
            <>
              In use since {asMoment(hook.token_made_at)}: <code>{hook.token_hint}…</code>
              {hook.old_token_until !== undefined && ` · the one before works until ${asMoment(hook.old_token_until)}`}
            </>
          ) : (
            "There is no address yet."
          )}
        </p>
      )}
      <Rotate there={there} make={there ? "Make a new address" : "Make the address"} busy={rotate.isPending || revoke.isPending} onRotate={(h) => rotate.mutate(h)} onRevoke={() => revoke.mutate()} />
    </Card>
  );
}

function GitHub({ product, hook }: { product: string; hook: Hook }) {
  const params = { path: { product_id: product } };
  const refresh = useRefresh(product);
  const rotate = useMutation({
    mutationFn: (grace_hours: number) => unwrap(api.POST("/api/v1/products/{product_id}/deploy-hook/github-secret", { params, body: { grace_hours } })),
    onSuccess: refresh,
  });
  const revoke = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/products/{product_id}/deploy-hook/github-secret", { params })),
    onSuccess: () => {
      rotate.reset();
      return refresh();
    },
  });
  const failure = rotate.error ?? revoke.error;
  const there = hook.github_secret_made_at !== undefined;
  return (
    <Card label="GitHub">
      <h2 className="font-semibold">GitHub</h2>
      <p className="mt-1 mb-3 text-sm text-soft">
        A webhook of the repository tells which commit holds a change and when that commit is deployed. A merged pull request alone is not a deployment.
      </p>
      {failure && <Failure error={failure} />}
      <ol className="mb-4 list-decimal space-y-3 pl-5 text-sm">
        <li>In the repository, open Settings → Webhooks → Add webhook.</li>
        <li>
          <CopyText name="Payload URL" text={absolute(hook.github_url)} />
        </li>
        <li>
          Content type: <code>application/json</code>
        </li>
        <li>
          {rotate.data ? (
            <div role="status">
              <CopyText name="Secret, shown once" text={rotate.data.secret} />
            </div>
          ) : there ? (
            `Secret: the one made ${asMoment(hook.github_secret_made_at)}. A new one can be made below.`
          ) : (
            "Secret: make it below."
          )}
        </li>
        <li>Choose “Let me select individual events”: Deployment statuses, Pull requests and Releases. Add Pushes when one deployment carries several merges.</li>
        <li>
          <CopyText name="Put this line into the pull request's text, or a commit's message" text={trailer("<id of the proposal>")} />
        </li>
      </ol>
      <Rotate there={there} make={there ? "Make a new secret" : "Make the secret"} busy={rotate.isPending || revoke.isPending} onRotate={(h) => rotate.mutate(h)} onRevoke={() => revoke.mutate()} />
    </Card>
  );
}

const events = [
  ["deployment_status", "Deployment status", "A deployment to an environment above has succeeded."],
  ["release", "Release", "A release was published; drafts and pre-releases do not count."],
  ["pull_request", "Merged pull request", "For teams whose merges go live by themselves."],
  ["push", "Push", "Every push to the default branch goes live."],
] as const;

const links = [
  ["pull_request", "Merged pull request", "Its commit holds the change."],
  ["push", "Push", "A commit holds what the ones before it do."],
] as const;

function Counts({ product, hook }: { product: string; hook: Hook }) {
  const refresh = useRefresh(product);
  const [environments, setEnvironments] = useState(hook.environments.join(", "));
  const [deployedBy, setDeployedBy] = useState<readonly string[]>(hook.deployed_by);
  const [linkedBy, setLinkedBy] = useState<readonly string[]>(hook.linked_by);
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH("/api/v1/products/{product_id}/deploy-hook", {
          params: { path: { product_id: product }, header: hook.revision > 0 ? { "If-Match": `"v${hook.revision}"` } : {} },
          body: {
            environments: environments.split(",").map((name) => name.trim()).filter((name) => name !== ""),
            deployed_by: deployedBy as Hook["deployed_by"],
            linked_by: linkedBy as Hook["linked_by"],
          },
        }),
      ),
    onSuccess: refresh,
  });
  return (
    <Card label="What counts">
      <h2 className="mb-3 font-semibold">What counts</h2>
      <form
        className="max-w-2xl space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field label="Environments, separated by commas">
          <input className={inputClass} required value={environments} onChange={(e) => setEnvironments(e.target.value)} />
        </Field>
        <Choice legend="What of GitHub means “deployed”" options={events} chosen={deployedBy} onChoose={setDeployedBy} />
        <Choice legend="What of GitHub only tells which commits hold a change" options={links} chosen={linkedBy} onChoose={setLinkedBy} />
        {save.error && <Failure error={save.error} />}
        <Button type="submit" disabled={save.isPending}>
          Save
        </Button>
      </form>
    </Card>
  );
}

interface ChoiceProps {
  legend: string;
  options: readonly (readonly [string, string, string])[];
  chosen: readonly string[];
  onChoose: (names: readonly string[]) => void;
}

function Choice({ legend, options, chosen, onChoose }: ChoiceProps) {
  return (
    <fieldset className="space-y-2">
      <legend className="mb-1 text-sm font-medium">{legend}</legend>
      {options.map(([name, word, means]) => (
        <label key={name} className="flex items-start gap-2 text-sm">
          <input
            type="checkbox"
            className="mt-1 accent-accent"
            checked={chosen.includes(name)}
            onChange={(e) => onChoose(e.target.checked ? [...chosen, name] : chosen.filter((other) => other !== name))}
          />
          <span>
            {word} <span className="block text-xs text-soft">{means}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

const outcomeLooks: Record<Receipt["outcome"], [Tone, string]> = {
  matched: ["good", "✓ matched"],
  unchanged: ["neutral", "= unchanged"],
  linked: ["accent", "⌁ linked"],
  unmatched: ["warn", "? unmatched"],
  ignored: ["neutral", "– ignored"],
  ping: ["good", "✓ ping"],
};

function Receipts({ product, hook }: { product: string; hook: Hook }) {
  const receipts = useQuery({
    queryKey: ["deploy-receipts", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/deploy-receipts", { params: { path: { product_id: product }, query: { limit: 20 } } })),
    refetchInterval: 10_000,
  });
  return (
    <Card label="Last deliveries">
      <h2 className="mb-3 font-semibold">Last deliveries</h2>
      {hook.refused_at !== undefined && (
        <p className="mb-3 text-sm text-warn">⚠ {asMoment(hook.refused_at)} a delivery came for GitHub’s address whose signature does not fit. Is the webhook’s secret the one that was made here?</p>
      )}
      {receipts.isPending && <Loading what="Loading deliveries" />}
      {receipts.error && <Failure error={receipts.error} />}
      {receipts.data?.items.length === 0 && <Empty>Nothing came in the last 30 days. What comes is shown here at once, with what became of it and why.</Empty>}
      <ul className="divide-y divide-line">
        {receipts.data?.items.map((receipt) => (
          <li key={receipt.id} className="py-2 text-sm">
            <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <Chip tone={outcomeLooks[receipt.outcome][0]}>{outcomeLooks[receipt.outcome][1]}</Chip>
              <span className="font-medium">{receipt.event}</span>
              <span className="text-soft">
                {receipt.source === "github" ? "GitHub" : "pipeline"} · {asMoment(receipt.received_at)}
                {receipt.environment !== undefined && ` · ${receipt.environment}`}
                {receipt.version !== undefined && ` · ${receipt.version}`}
                {receipt.commit !== undefined && ` · ${shortCommit(receipt.commit)}`}
                {receipt.repeats > 0 && ` · came ${receipt.repeats + 1} times`}
              </span>
            </span>
            <span className="mt-1 block break-words">{receipt.reason}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
