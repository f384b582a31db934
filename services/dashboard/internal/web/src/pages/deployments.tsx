import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap, type Deployment, type Schemas, type Verification } from "../api";
import { asCount, asOddsChange, asMoment, asPercent } from "../format";
import { BeforeAfter } from "../parts/before-after";
import { Share } from "../parts/share";
import { Button, Card, Chip, Empty, Fact, Failure, Field, inputClass, Loading, Title, type Tone } from "../parts/ui";

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
  return (
    <>
      <Title>Deployments</Title>
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
      {deployment.verification && <Proof id={deployment.id} verification={deployment.verification} />}
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
