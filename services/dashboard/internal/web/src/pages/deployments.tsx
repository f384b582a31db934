import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { api, unwrap, type Deployment, type Schemas, type Verification } from "../api";
import { DeploymentActions, useMarkDeployed } from "../deploys/actions";
import { DeploymentFacts, DeploymentHistory } from "../deploys/facts";
import { emptyForm, type Form } from "../deploys/words";
import { useShortcuts } from "../keys";
import { asCount, asOddsChange, asMoment, asPercent } from "../format";
import { BeforeAfter } from "../parts/before-after";
import { Card, Chip, Empty, Fact, Failure, Loading, Title, type Tone } from "../parts/ui";

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

export function DeploymentsPage({ product }: { product: string }) {
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
      <Title
        aside={
          <Link href={`/p/${product}/deploy-hook`} className="text-sm font-medium text-accent underline">
            Have them noticed by themselves
          </Link>
        }
      >
        Deployments
      </Title>
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
        {deployment.verification && <Proof id={deployment.id} verification={deployment.verification} />}
        <DeploymentHistory id={deployment.id} />
      </Card>
    </div>
  );
}

function Proof({ id, verification }: { id: string; verification: Verification }) {
  // The list carries no daily series; one deployment on its own does.
  const detail = useQuery({
    queryKey: ["deployment", id],
    queryFn: () => unwrap(api.GET("/api/v1/deployments/{deployment_id}", { params: { path: { deployment_id: id } } })),
  });
  const result = detail.data?.verification?.result ?? verification.result;
  if (result === undefined) {
    return <p className="mt-4 text-sm text-soft">Collecting: the first look is a day after the deployment.</p>;
  }
  return (
    <div className="mt-4 space-y-4">
      <p className="font-medium">{sentence(verification.status, result)}</p>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Fact name="Effect on the odds">{asOddsChange(result.effect)}</Fact>
        <Fact name={result.interval_level === undefined ? "Interval" : `${asPercent(result.interval_level)} interval`}>
          {asOddsChange(result.effect_low)} to {asOddsChange(result.effect_high)}
        </Fact>
        <Fact name="Probability it improved">{asPercent(result.probability_improved)}</Fact>
        <Fact name="Smallest effect it could see">{result.minimum_detectable_effect === undefined ? "–" : asOddsChange(result.minimum_detectable_effect)}</Fact>
        <Fact name="Before">
          {asCount(result.before.positive)} good, {asCount(result.before.negative)} bad
        </Fact>
        <Fact name="After">
          {asCount(result.after.positive)} good, {asCount(result.after.negative)} bad
        </Fact>
        <Fact name="Positive ratio">
          {asPercent(result.ratio_before)} → {asPercent(result.ratio_after)}
          {result.expected_ratio !== undefined && <span className="text-xs font-normal text-soft"> (expected {asPercent(result.expected_ratio)})</span>}
        </Fact>
        <Fact name="Days">
          {result.history_days ?? "–"} before, {result.post_days ?? "–"} after
        </Fact>
      </dl>
      {result.daily && <BeforeAfter points={result.daily} />}
      {result.warnings.length > 0 && (
        <ul className="space-y-1 text-sm text-warn">
          {result.warnings.map((warning) => (
            <li key={warning}>⚠ {warning}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function sentence(status: Verification["status"], result: Schemas["LookResult"]): string {
  const effect = asOddsChange(result.effect);
  switch (status) {
    case "improved":
      return `It helped: the odds of a positive signal changed by ${effect}, more than chance and season explain.`;
    case "regressed":
      return `It made things worse: the odds of a positive signal changed by ${effect}.`;
    case "no_effect":
      return "No effect: the change is within ±5 %, and the test could have seen more.";
    case "inconclusive":
      return `Inconclusive. ${result.reason ?? ""}`;
    case "stopped":
      return "The test was stopped because the deployment was taken back.";
    case "collecting":
      return `Collecting: ${result.post_days ?? 0} days since the deployment. ${result.reason ?? ""}`;
  }
}
