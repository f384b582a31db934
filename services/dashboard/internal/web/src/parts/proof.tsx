import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, unwrap, type Deployment, type Schemas, type Verification } from "../api";
import { asCount, asOddsChange, asPercent, asPoints } from "../format";
import { amount, effectOf, isCount, leastEffect, progress, raw, rolledBackMeanwhile, verdictWords, type Verdict } from "../verification";
import { BeforeAfter } from "./before-after";
import { PlanDetails } from "./plan";
import { Robustness } from "./robustness";
import { Fact } from "./ui";

type Result = Schemas["LookResult"];

const verdictTone: Record<Verdict, string> = {
  collecting: "border-accent/50 text-accent",
  improved: "border-good/60 text-good",
  regressed: "border-bad/60 text-bad",
  no_effect: "border-line text-ink",
  inconclusive: "border-warn/60 text-warn",
  stopped: "border-warn/60 text-warn",
};

/** The before/after test of a deployment: verdict, chart, numbers, warnings, and what it rests on. */
export function Proof({ deployment }: { deployment: Deployment }) {
  // The list carries no days; one deployment on its own does.
  const detail = useQuery({
    queryKey: ["deployment", deployment.id],
    queryFn: () => unwrap(api.GET("/api/v1/deployments/{deployment_id}", { params: { path: { deployment_id: deployment.id } } })),
  });
  const shown = detail.data ?? deployment;
  const verification = shown.verification;
  if (verification === undefined) return null;
  const result = verification.result;
  return (
    <div className="mt-4 space-y-4">
      <VerdictLine verification={verification} />
      {result !== undefined && (
        <>
          {result.daily !== undefined && (
            <BeforeAfter
              points={result.daily}
              metric={result.metric}
              described={result.described ?? "The positive ratio"}
              promised={result.promised !== undefined && result.promised.metric === result.metric && !differs(verification) ? result.promised : undefined}
            />
          )}
          <Numbers result={result} />
          {result.promised !== undefined && <Prediction promised={result.promised} part={differs(verification)} />}
          <Warnings result={result} also={rolledBackMeanwhile(shown)} />
          <Robustness result={result} />
        </>
      )}
      <PlanDetails verification={verification} />
    </div>
  );
}

// The test is about a part of what was predicted.
const differs = (verification: Verification): boolean => verification.plan["promised"] !== undefined;

function VerdictLine({ verification }: { verification: Verification }) {
  const [icon, word] = verdictWords[verification.status];
  return (
    <div className={`rounded-lg border-l-4 bg-ground px-4 py-3 ${verdictTone[verification.status]}`}>
      <p className="text-base font-semibold">
        <span aria-hidden="true">{icon}</span> {word}
      </p>
      <p className="mt-1 text-sm text-ink">{sentence(verification)}</p>
    </div>
  );
}

function sentence(verification: Verification): ReactNode {
  const reason = verification.result?.reason;
  switch (verification.status) {
    case "collecting":
      return (
        <>
          {progress(verification, Date.now())}
          {reason !== undefined && <span className="mt-1 block text-soft">{reason}</span>}
        </>
      );
    case "stopped":
      return `The deployment was taken back before there was a verdict, and the test ended.${reason === undefined ? "" : ` Its last look: ${reason}`}`;
    default:
      return reason ?? "";
  }
}

function Numbers({ result }: { result: Result }) {
  return (
    <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
      <Fact name={effectOf(result.metric)}>{asOddsChange(result.effect)}</Fact>
      <Fact name={result.interval_level === undefined ? "Interval" : `${asPercent(result.interval_level)} interval`}>
        {asOddsChange(result.effect_low)} to {asOddsChange(result.effect_high)}
      </Fact>
      <Fact name="Probability it improved">{asPercent(result.probability_improved)}</Fact>
      <Fact name="Smallest effect it could see">{leastEffect(result.minimum_detectable_effect)}</Fact>
      <Fact name={isCount(result.metric) ? "Signals a day since" : "Measured since"}>{amount(result.metric, result.observed ?? result.ratio_after)}</Fact>
      <Fact name="Expected without it">
        {amount(result.metric, result.expected_ratio)}
        {result.expected_low !== undefined && (
          <span className="block text-xs font-normal text-soft">
            {amount(result.metric, result.expected_low)} to {amount(result.metric, result.expected_high)}
          </span>
        )}
      </Fact>
      <Fact name="Before">{raw(result.metric, result.before)}</Fact>
      <Fact name="After">{raw(result.metric, result.after)}</Fact>
      {result.points !== undefined && <Fact name="In points, at the ratio before">{asPoints(result.points)}</Fact>}
      <Fact name="History">{result.history_days === undefined ? "–" : `${asCount(result.history_days)} days`}</Fact>
    </dl>
  );
}

const fitWords = { below: "▼ below the predicted range", within: "✓ within the predicted range", above: "▲ above the predicted range" } as const;

/** A dot on the predicted range: what was promised over what came. */
function Prediction({ promised, part }: { promised: Schemas["Promised"]; part: boolean }) {
  const low = Math.min(promised.low, promised.observed, promised.expected);
  const high = Math.max(promised.high, promised.observed, promised.expected);
  const span = Math.max(high - low, 1e-9);
  const at = (x: number) => `${(4 + ((x - low) / span) * 92).toFixed(1)}%`;
  return (
    <section aria-label="Predicted against measured">
      <h3 className="mb-1 text-sm font-medium">Predicted against measured{part && " (of the whole context)"}</h3>
      <p className="text-sm">
        {amount(promised.metric, promised.low)} to {amount(promised.metric, promised.high)} predicted, {amount(promised.metric, promised.observed)} measured:{" "}
        <span className="font-medium">{fitWords[promised.fit]}</span>
        <span className="text-soft"> · {promised.share === undefined ? "nothing was left to gain when it shipped" : `${asPercent(promised.share)} of the promised gain came`}</span>
      </p>
      <div aria-hidden="true" className="relative mt-2 h-8 rounded-lg border border-line bg-ground">
        <span className="absolute top-2 bottom-2 rounded bg-good/25" style={{ left: at(promised.low), right: `calc(100% - ${at(promised.high)})` }} />
        <span className="absolute top-1 bottom-1 w-0.5 bg-good" style={{ left: at(promised.predicted) }} />
        <span className="absolute top-1 bottom-1 border-l-2 border-dashed border-soft" style={{ left: at(promised.expected) }} />
        <span className="absolute top-1/2 size-3 -translate-x-1/2 -translate-y-1/2 rounded-full bg-accent ring-2 ring-card" style={{ left: at(promised.observed) }} />
      </div>
      <p className="mt-1 text-xs text-soft">Green: predicted range and value. Dashed: expected without the deployment. Dot: measured.</p>
    </section>
  );
}

function Warnings({ result, also }: { result: Result; also: string | undefined }) {
  const all = also === undefined ? result.warnings : [also, ...result.warnings];
  if (all.length === 0) return <p className="text-sm text-soft">✓ No warnings: volume, mix, weekdays, instrumentation and other deployments are as they should be.</p>;
  return (
    <section aria-label="Warnings">
      <h3 className="mb-1 text-sm font-medium">Read it with this in mind</h3>
      <ul className="space-y-1 text-sm">
        {all.map((warning) => (
          <li key={warning} className="flex gap-2">
            <span aria-hidden="true" className="text-warn">
              ⚠
            </span>
            <span>{warning}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
