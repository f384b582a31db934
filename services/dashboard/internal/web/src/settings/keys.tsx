import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "../api";
import { asDay } from "../format";
import { Button, Card, Chip, Failure, Loading } from "../parts/ui";

export function KeysView({ product }: { product: string }) {
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
