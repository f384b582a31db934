import { useQuery } from "@tanstack/react-query";
import { api, unwrap, type Schemas } from "../api";
import { asDay, asPercent } from "../format";
import { Card, Empty, Fact, Failure, Loading } from "../parts/ui";
import { familyWord, scoreSentence } from "../scoreboard";
import { verdictWords } from "../verification";

/** What was predicted against what was measured: how far a prediction of this product can be believed. */
export function Scoreboard({ product }: { product: string }) {
  const board = useQuery({
    queryKey: ["calibration", product],
    queryFn: () => unwrap(api.GET("/api/v1/products/{product_id}/calibration", { params: { path: { product_id: product } } })),
  });
  if (board.isPending) return <Loading what="Scoring predictions" />;
  if (board.error) return <Failure error={board.error} />;
  const { groups, outcomes, target } = board.data;
  if (outcomes.length === 0) {
    return <Empty>No prediction was verified yet. When the test of a deployment ends, what its proposal predicted is held against what came.</Empty>;
  }
  return (
    <div className="space-y-4">
      <p className="max-w-3xl text-sm text-soft">
        Every proposal predicts a range that should hold the outcome {asPercent(target)} of the time. What came is measured by the test of its deployment, also where it found nothing significant; predictions of the same kind are scaled by it.
      </p>
      <div className="grid gap-4 lg:grid-cols-2">
        {groups.map((group) => (
          <GroupCard key={`${group.family} ${group.engine}`} group={group} target={target} />
        ))}
      </div>
      <Outcomes outcomes={outcomes} />
    </div>
  );
}

function GroupCard({ group, target }: { group: Schemas["CalibrationGroup"]; target: number }) {
  return (
    <Card label={familyWord(group.family)}>
      <h2 className="font-semibold">{familyWord(group.family)}</h2>
      <p className="text-sm text-soft">{group.engine === "" ? "unknown engine" : `written by ${group.engine}`}</p>
      <p className="mt-2 text-sm">{scoreSentence(group, target)}</p>
      <dl className="mt-3 grid grid-cols-3 gap-3">
        <Fact name={`In range (aim ${asPercent(target)})`}>{group.coverage === undefined ? "–" : `${group.covered} of ${group.measured}`}</Fact>
        <Fact name="Came of the predicted gain">{group.mean_ratio === undefined ? "–" : asPercent(group.mean_ratio)}</Fact>
        <Fact name="CRPS (0 is perfect)">{group.crps === undefined ? "–" : group.crps.toFixed(3)}</Fact>
      </dl>
    </Card>
  );
}

function Outcomes({ outcomes }: { outcomes: Schemas["CalibrationOutcome"][] }) {
  return (
    <Card label="Each prediction">
      <h2 className="font-semibold">Each prediction</h2>
      <ul className="mt-2 divide-y divide-line">
        {outcomes.map((outcome) => (
          <li key={outcome.deployment_id} className="grid gap-2 py-3 sm:grid-cols-[minmax(0,2fr)_minmax(0,3fr)] sm:items-center">
            <div>
              <p className="font-medium">{outcome.title}</p>
              <p className="text-xs text-soft">
                {familyWord(outcome.family)} · {asDay(outcome.decided_at)} · <span aria-hidden="true">{verdictWords[outcome.status][0]}</span> {verdictWords[outcome.status][1].toLowerCase()}
              </p>
            </div>
            <Range outcome={outcome} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Shares are drawn from 0 to 100 %, so that rows can be compared. */
function Range({ outcome }: { outcome: Schemas["CalibrationOutcome"] }) {
  const at = (x: number) => `${(100 * Math.min(1, Math.max(0, x))).toFixed(1)}%`;
  return (
    <div>
      <div aria-hidden="true" className="relative h-6 rounded bg-ground">
        <span className="absolute top-1.5 bottom-1.5 rounded bg-good/30" style={{ left: at(outcome.low), right: `calc(100% - ${at(outcome.high)})` }} />
        <span className="absolute top-1 bottom-1 w-0.5 bg-soft" style={{ left: at(outcome.baseline) }} />
        {outcome.observed !== undefined && <span className="absolute top-1/2 size-2.5 -translate-x-1/2 -translate-y-1/2 rounded-full bg-accent" style={{ left: at(outcome.observed) }} />}
      </div>
      <p className="mt-1 text-xs">
        from {asPercent(outcome.baseline)}, predicted {asPercent(outcome.low)} to {asPercent(outcome.high)},{" "}
        {outcome.observed === undefined ? (
          <span className="text-soft">not measured: {outcome.why_not}</span>
        ) : (
          <span className="font-medium">
            {outcome.covered === true ? "✓" : "✕"} measured {asPercent(outcome.observed)}
          </span>
        )}
      </p>
    </div>
  );
}
