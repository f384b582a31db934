import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "wouter";
import { api, unwrap, type Deployment } from "../api";
import { DeploymentActions, useMarkDeployed } from "../deploys/actions";
import { DeploymentFacts, DeploymentHistory } from "../deploys/facts";
import { useShortcuts } from "../keys";
import { emptyForm, type Form } from "../deploys/words";
import { asMoment } from "../format";
import { Proof } from "../parts/proof";
import { Share } from "../parts/share";
import { Card, Chip, Empty, Failure, Loading, Tabs, Title, type Tone } from "../parts/ui";
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
      <Title
        page={views.find(([name]) => name === view)?.[1]}
        aside={
          <Link href={`/p/${product}/deploy-hook`} className="text-sm font-medium text-accent underline">
            Have them noticed by themselves
          </Link>
        }
      >
        Deployments
      </Title>
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
  const items = deployments.data?.items ?? [];
  const [chosen, choose] = useState<string>();
  const mark = useMarkDeployed(product);
  // Without a choice, the one that has waited longest.
  const current = items.find((d) => d.id === chosen) ?? items.findLast((d) => d.status === "planned") ?? items[0];
  const step = (by: number) => {
    const next = items[items.findIndex((d) => d.id === current?.id) + by];
    if (next === undefined) return;
    choose(next.id);
    document.getElementById(next.id)?.scrollIntoView({ block: "nearest" });
  };
  useShortcuts({
    j: () => step(1),
    k: () => step(-1),
    d: () => {
      if (current?.status === "planned" && !mark.isPending) mark.mutate({ id: current.id, form: emptyForm });
    },
  });
  return (
    <>
      <div role="status" className="text-sm">
        {mark.data !== undefined && !mark.isPending && !mark.error && (
          <p className="mb-4 rounded-lg border border-good/50 p-3">
            ✓ ‘{mark.data.title}’ is deployed since {asMoment(mark.data.deployed_at)}. ‘Correct’ changes the time.
          </p>
        )}
      </div>
      {mark.error && <Failure error={mark.error} />}
      {deployments.isPending && <Loading what="Loading deployments" />}
      {deployments.error && <Failure error={deployments.error} />}
      {deployments.data?.items.length === 0 && <Empty>No deployment yet. Approving a proposal creates one; report it here when it ships, or have your pipeline do it.</Empty>}
      <div className="space-y-4">
        {items.map((deployment) => (
          <DeploymentCard
            key={deployment.id}
            deployment={deployment}
            product={product}
            current={items.length > 1 && deployment.id === current?.id}
            marking={mark.isPending}
            onMark={(form) => mark.mutate({ id: deployment.id, form })}
          />
        ))}
      </div>
      {items.length > 1 && <p className="mt-4 text-xs text-soft">Keys: J and K go through the list, D marks the one with the frame as deployed.</p>}
    </>
  );
}

interface CardProps {
  deployment: Deployment;
  product: string;
  current: boolean;
  marking: boolean;
  onMark: (form: Form) => void;
}

function DeploymentCard({ deployment, product, current, marking, onMark }: CardProps) {
  const [tone, word] = statusLooks[deployment.status];
  return (
    <div id={deployment.id} aria-current={current ? "true" : undefined} className={`scroll-mt-4 rounded-xl ${current ? "outline-2 outline-offset-2 outline-accent" : ""}`}>
      <Card label={deployment.title}>
        <div className="flex flex-wrap items-start justify-between gap-2">
          <h2 className="font-semibold">{deployment.title}</h2>
          <Chip tone={tone}>{word}</Chip>
        </div>
        <DeploymentFacts deployment={deployment} />
        <DeploymentActions deployment={deployment} product={product} marking={marking} onMark={onMark} />
        {deployment.verification && <Proof deployment={deployment} />}
        {deployment.deployed_at !== undefined && <Share deployment={deployment.id} />}
        <DeploymentHistory id={deployment.id} />
      </Card>
    </div>
  );
}
