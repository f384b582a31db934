import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, unwrap, type Context } from "../api";
import { asCount, asPercent, asPoints } from "../format";
import { funnelProblem, standing } from "../lifecycle";
import { FunnelEditor } from "../parts/funnel-editor";
import { RunNow } from "../parts/run-now";
import { Sparkline } from "../parts/sparkline";
import { Button, Card, Chip, Empty, Fact, Failure, Field, inputClass, Loading, Title, type Tone } from "../parts/ui";

const statusLooks: Record<string, [Tone, string]> = {
  healthy: ["good", "✓ healthy"],
  getting_worse: ["bad", "▼ getting worse"],
  not_enough_data: ["neutral", "○ not enough data"],
};

export function ContextsPage({ product }: { product: string }) {
  const [adding, setAdding] = useState(false);
  const contexts = useQuery({
    queryKey: ["contexts", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/contexts", { params: { path: { product_id: product } } })),
    refetchInterval: 15_000,
  });
  return (
    <>
      <Title aside={<Button onClick={() => setAdding(!adding)}>{adding ? "Close" : "New context"}</Button>}>Contexts</Title>
      {adding && <NewContext product={product} onDone={() => setAdding(false)} />}
      {contexts.isPending && <Loading what="Loading contexts" />}
      {contexts.error && <Failure error={contexts.error} />}
      {contexts.data?.items.length === 0 && <Empty>No contexts.</Empty>}
      <div className="grid items-start gap-4 md:grid-cols-2">
        {contexts.data?.items.map((context) => (
          <ContextCard key={context.id} context={context} product={product} />
        ))}
      </div>
    </>
  );
}

function ContextCard({ context, product }: { context: Context; product: string }) {
  const [editing, setEditing] = useState(false);
  const health = context.health;
  const [tone, word] = statusLooks[health?.status ?? "not_enough_data"] ?? ["neutral", "○ not enough data"];
  const change = health?.ratio_now !== undefined && health.ratio_before !== undefined ? health.ratio_now - health.ratio_before : undefined;
  return (
    <Card label={context.name}>
      <div className="flex items-start justify-between gap-2">
        <div>
          <h2 className="font-semibold">{context.name}</h2>
          {context.description !== "" && <p className="text-sm text-soft">{context.description}</p>}
        </div>
        <Chip tone={tone}>{word}</Chip>
      </div>
      {health && (
        <>
          <div className="my-3">
            <Sparkline points={health.sparkline} />
          </div>
          <dl className="grid grid-cols-3 gap-2">
            <Fact name="Positive, 7 days">{asPercent(health.ratio_now)}</Fact>
            <Fact name="Against the week before">{asPoints(change)}</Fact>
            <Fact name="Signals, 24 h">{asCount(health.signals_24h)}</Fact>
          </dl>
          <p className="mt-3 text-sm text-soft">{standing(context)}</p>
        </>
      )}
      {health !== undefined && health.open_proposals > 0 && (
        <p className="mt-2 text-sm">
          <Link href={`/p/${product}/proposals?q=${encodeURIComponent(context.name)}`} className="font-medium text-accent underline">
            {health.open_proposals === 1 ? "1 proposal" : `${asCount(health.open_proposals)} proposals`} to decide
          </Link>
        </p>
      )}
      {context.funnel.length > 0 && <p className="mt-2 text-sm text-soft">Funnel: {context.funnel.join(" → ")}</p>}
      <div className="mt-3 flex flex-wrap gap-2">
        <RunNow context={context} product={product} />
        <Button onClick={() => setEditing(!editing)}>{editing ? "Close" : "Edit types"}</Button>
      </div>
      {editing && <TypesEditor context={context} product={product} onDone={() => setEditing(false)} />}
    </Card>
  );
}

function TypesEditor({ context, product, onDone }: { context: Context; product: string; onDone: () => void }) {
  const queries = useQueryClient();
  const [positive, setPositive] = useState(context.positive_types.join(", "));
  const [negative, setNegative] = useState(context.negative_types.join(", "));
  const [funnel, setFunnel] = useState(context.funnel);
  const seen = useQuery({
    queryKey: ["types", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/types", { params: { path: { product_id: product } } })),
  });
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH("/api/v1/contexts/{context_id}", {
          params: { path: { context_id: context.id }, header: { "If-Match": `"v${context.version}"` } },
          body: { positive_types: names(positive), negative_types: names(negative), funnel },
        }),
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["contexts", product] });
      onDone();
    },
  });
  return (
    <form
      className="mt-4 space-y-3 border-t border-line pt-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <Field label="Positive types">
        <input className={inputClass} value={positive} onChange={(e) => setPositive(e.target.value)} />
      </Field>
      <Field label="Negative types">
        <input className={inputClass} value={negative} onChange={(e) => setNegative(e.target.value)} />
      </Field>
      {seen.data && seen.data.items.length > 0 && (
        <p className="text-sm text-soft">Seen in 7 days: {seen.data.items.map((t) => `${t.type} (${asCount(t.count)})`).join(", ")}</p>
      )}
      <FunnelEditor steps={funnel} seen={seen.data?.items.map((t) => t.type) ?? []} onChange={setFunnel} />
      {save.error && <Failure error={save.error} />}
      <Button type="submit" look="primary" disabled={save.isPending || funnelProblem(funnel) !== undefined}>
        Save
      </Button>
    </form>
  );
}

function NewContext({ product, onDone }: { product: string; onDone: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [positive, setPositive] = useState("");
  const [negative, setNegative] = useState("js_error, rage_click");
  const create = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/v1/products/{product_id}/contexts", {
          params: { path: { product_id: product } },
          body: { name, positive_types: names(positive), negative_types: names(negative) },
        }),
      ),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["contexts", product] });
      onDone();
    },
  });
  return (
    <div className="mb-4">
      <Card label="New context">
        <form
          className="space-y-3"
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <Field label="Name">
            <input className={inputClass} value={name} required maxLength={100} onChange={(e) => setName(e.target.value)} />
          </Field>
          <Field label="Positive types, separated by commas">
            <input className={inputClass} value={positive} onChange={(e) => setPositive(e.target.value)} />
          </Field>
          <Field label="Negative types, separated by commas">
            <input className={inputClass} value={negative} onChange={(e) => setNegative(e.target.value)} />
          </Field>
          {create.error && <Failure error={create.error} />}
          <Button type="submit" look="primary" disabled={create.isPending}>
            Create context
          </Button>
        </form>
      </Card>
    </div>
  );
}

function names(text: string): string[] {
  return [...new Set(text.split(",").map((part) => part.trim()))].filter((part) => part !== "");
}
