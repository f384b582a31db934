import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../api";
import { asDay, asMoment } from "../format";
import { Button, Card, Chip, Empty, Failure, Field, inputClass, Loading, Title } from "../parts/ui";

export function SettingsPage({ product }: { product: string }) {
  return (
    <>
      <Title>Settings</Title>
      <div className="space-y-6">
        <Keys product={product} />
        <Endpoints />
      </div>
    </>
  );
}

function Keys({ product }: { product: string }) {
  const queries = useQueryClient();
  const path = { product_id: product };
  const keys = useQuery({
    queryKey: ["keys", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/keys", { params: { path } })),
  });
  const refresh = () => queries.invalidateQueries({ queryKey: ["keys", product] });
  const create = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/products/{product_id}/keys", { params: { path }, body: { name: "Ingest key" } })),
    onSuccess: refresh,
  });
  const revoke = useMutation({
    mutationFn: (key: string) => unwrap(api.DELETE("/api/v1/products/{product_id}/keys/{key_id}", { params: { path: { ...path, key_id: key } } })),
    onSuccess: refresh,
  });
  const live = keys.data?.items.find((key) => key.revoked_at === undefined);
  const failure = keys.error ?? create.error ?? revoke.error;
  return (
    <Card label="Ingest keys">
      <div className="mb-3 flex items-center justify-between">
        <h2 className="font-semibold">Ingest keys</h2>
        <Button onClick={() => create.mutate()} disabled={create.isPending}>
          New key
        </Button>
      </div>
      {keys.isPending && <Loading what="Loading keys" />}
      {failure && <Failure error={failure} />}
      {live && (
        <div className="space-y-3">
          <Snippet name="Script tag" text={`<script src="${window.location.origin}/s.js" data-api-key="${live.key}" async></script>`} />
          <Snippet
            name="curl"
            text={`curl -X POST ${window.location.origin}/api/signals -H "x-api-key: ${live.key}" -H "Content-Type: application/json" -d '{"type":"cta_click","payload":{"path":"/"}}'`}
          />
        </div>
      )}
      <ul className="mt-4 divide-y divide-line">
        {keys.data?.items.map((key) => (
          <li key={key.id} className="flex flex-wrap items-center justify-between gap-2 py-2 text-sm">
            <span>
              {key.name} <code className="text-soft">{key.hint}</code> · created {asDay(key.created_at)}
            </span>
            {key.revoked_at === undefined ? <Button onClick={() => revoke.mutate(key.id)}>Revoke</Button> : <Chip>✕ revoked</Chip>}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Snippet({ name, text }: { name: string; text: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <div>
      <div className="mb-1 flex items-center justify-between">
        <h3 className="text-sm font-medium">{name}</h3>
        <Button
          onClick={() => {
            void navigator.clipboard.writeText(text).then(() => setCopied(true));
          }}
        >
          <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
        </Button>
      </div>
      <pre tabIndex={0} className="overflow-x-auto rounded-lg border border-line bg-ground p-3 text-xs">
        {text}
      </pre>
    </div>
  );
}

function Endpoints() {
  const queries = useQueryClient();
  const [url, setUrl] = useState("");
  const endpoints = useQuery({ queryKey: ["endpoints"], queryFn: () => unwrap(api.GET("/api/v1/webhook-endpoints")) });
  const refresh = () => queries.invalidateQueries({ queryKey: ["endpoints"] });
  const create = useMutation({
    mutationFn: () => unwrap(api.POST("/api/v1/webhook-endpoints", { body: { url } })),
    onSuccess: () => {
      setUrl("");
      void refresh();
    },
  });
  const test = useMutation({
    mutationFn: (id: string) => unwrap(api.POST("/api/v1/webhook-endpoints/{endpoint_id}/test", { params: { path: { endpoint_id: id } } })),
    onSuccess: refresh,
  });
  const remove = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE("/api/v1/webhook-endpoints/{endpoint_id}", { params: { path: { endpoint_id: id } } })),
    onSuccess: refresh,
  });
  const failure = endpoints.error ?? create.error ?? test.error ?? remove.error;
  return (
    <Card label="Webhooks">
      <h2 className="mb-3 font-semibold">Webhooks</h2>
      {failure && <Failure error={failure} />}
      {create.data && (
        <p role="status" className="mb-3 rounded-lg border border-good/50 p-3 text-sm">
          Signing secret, shown once: <code className="break-all">{create.data.secret}</code>
        </p>
      )}
      {endpoints.data?.items.length === 0 && <Empty>No webhook yet. Events such as proposal.created and deployment.verified can be sent to your own URL, signed.</Empty>}
      <ul className="divide-y divide-line">
        {endpoints.data?.items.map((endpoint) => (
          <li key={endpoint.id} className="flex flex-wrap items-center justify-between gap-2 py-2 text-sm">
            <span className="break-all">
              {endpoint.url}
              <span className="block text-xs text-soft">
                {endpoint.disabled_at !== undefined
                  ? `Disabled: ${endpoint.disabled_reason ?? ""}`
                  : endpoint.last_success_at !== undefined
                    ? `Last delivered ${asMoment(endpoint.last_success_at)}`
                    : "Nothing delivered yet"}
              </span>
            </span>
            <span className="flex gap-2">
              <Button onClick={() => test.mutate(endpoint.id)}>Send test</Button>
              <Button onClick={() => remove.mutate(endpoint.id)}>Remove</Button>
            </span>
          </li>
        ))}
      </ul>
      <form
        className="mt-4 flex flex-wrap items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <div className="min-w-64 flex-1">
          <Field label="Endpoint URL">
            <input className={inputClass} type="url" required maxLength={2000} value={url} placeholder="https://" onChange={(e) => setUrl(e.target.value)} />
          </Field>
        </div>
        <Button type="submit" disabled={create.isPending}>
          Add endpoint
        </Button>
      </form>
    </Card>
  );
}
