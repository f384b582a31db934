import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "wouter";
import { api, unwrap, type Deployment } from "../api";
import { asMoment } from "../format";
import { Proof } from "../parts/proof";
import { Share } from "../parts/share";
import { Button, Card, Chip, Empty, Failure, Field, inputClass, Loading, Tabs, Title, type Tone } from "../parts/ui";
import { Scoreboard } from "./scoreboard";

const statusLooks: Record<Deployment["status"], [Tone, string]> = {
  planned: ["accent", "○ planned"],
  deployed: ["accent", "● deployed"],
  collecting: ["accent", "… collecting"],
  verified: ["good", "▲ improved"],
  regressed: ["bad", "▼ regressed"],
  no_effect: ["neutral", "= no effect"],
  inconclusive: ["warn", "? inconclusive"],
  cancelled: ["neutral", "✕ cancelled"],
  rolled_back: ["warn", "↩ rolled back"],
};

const views = [
  ["deployments", "Deployments"],
  ["predictions", "Predictions"],
] as const;

export function DeploymentsPage({ product }: { product: string }) {
  const [search] = useSearchParams();
  const view = search.get("view") === "predictions" ? "predictions" : "deployments";
  return (
    <>
      <Title>Deployments</Title>
      <Tabs label="Deployments" current={view} tabs={views} href={(name) => `/p/${product}/deployments${name === "deployments" ? "" : `?view=${name}`}`} />
      {view === "predictions" ? <Scoreboard product={product} /> : <Deployments product={product} />}
    </>
  );
}

function Deployments({ product }: { product: string }) {
  const deployments = useQuery({
    queryKey: ["deployments", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/deployments", { params: { path: { product_id: product } } })),
  });
  return (
    <>
      {deployments.isPending && <Loading what="Loading deployments" />}
      {deployments.error && <Failure error={deployments.error} />}
      {deployments.data?.items.length === 0 && <Empty>No deployment yet. Approving a proposal creates one; report it here when it ships.</Empty>}
      <div className="space-y-4">
        {deployments.data?.items.map((deployment) => (
          <DeploymentCard key={deployment.id} deployment={deployment} product={product} />
        ))}
      </div>
    </>
  );
}

function DeploymentCard({ deployment, product }: { deployment: Deployment; product: string }) {
  const [tone, word] = statusLooks[deployment.status];
  return (
    <Card label={deployment.title}>
      <div className="flex flex-wrap items-start justify-between gap-2">
        <h2 className="font-semibold">{deployment.title}</h2>
        <Chip tone={tone}>{word}</Chip>
      </div>
      <p className="mt-1 text-sm text-soft">
        {deployment.context_name} · approved {asMoment(deployment.created_at)}
        {deployment.deployed_at !== undefined && ` · shipped ${asMoment(deployment.deployed_at)}`}
        {deployment.version !== undefined && deployment.version !== "" && ` · ${deployment.version}`}
      </p>
      {deployment.status === "planned" && <Report deployment={deployment} product={product} />}
      {deployment.verification && <Proof deployment={deployment} />}
      {deployment.deployed_at !== undefined && <Share deployment={deployment.id} />}
    </Card>
  );
}

function Report({ deployment, product }: { deployment: Deployment; product: string }) {
  const queries = useQueryClient();
  const [version, setVersion] = useState("");
  const [at, setAt] = useState("");
  const report = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST("/api/v1/deployments/{deployment_id}/report", {
          params: { path: { deployment_id: deployment.id } },
          body: { ...(version === "" ? {} : { version }), ...(at === "" ? {} : { deployed_at: new Date(at).toISOString() }) },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["deployments", product] }),
  });
  return (
    <form
      className="mt-4 grid max-w-xl gap-3 sm:grid-cols-2"
      onSubmit={(event) => {
        event.preventDefault();
        report.mutate();
      }}
    >
      <Field label="Version or commit">
        <input className={inputClass} value={version} maxLength={200} onChange={(e) => setVersion(e.target.value)} />
      </Field>
      <Field label="Shipped at (empty: now)">
        <input className={inputClass} type="datetime-local" value={at} onChange={(e) => setAt(e.target.value)} />
      </Field>
      {report.error && <Failure error={report.error} />}
      <div>
        <Button type="submit" look="primary" disabled={report.isPending}>
          Mark deployed
        </Button>
      </div>
    </form>
  );
}
