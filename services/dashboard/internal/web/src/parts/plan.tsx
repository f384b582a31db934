import type { Schemas, Verification } from "../api";
import { asMoment, asPercent } from "../format";
import { amount, capital, dayName, lookRows, rangeText, readPlan, type Plan } from "../verification";
import { Fact } from "./ui";

/** The plan as it was registered before anything was seen, with its looks, and the plans before it. */
export function PlanDetails({ verification }: { verification: Verification }) {
  const plan = readPlan(verification.plan);
  return (
    <details className="rounded-lg border border-line">
      <summary className="cursor-pointer px-3 py-2 text-sm font-medium">
        The plan, as registered {asMoment(verification.registered_at)}
        {plan.revision > 1 && ` (plan ${plan.revision})`}
      </summary>
      <div className="space-y-4 border-t border-line p-3">
        {plan.revisedBecause !== undefined && <p className="text-sm">Plan {plan.revision}: {plan.revisedBecause} The earlier one is below.</p>}
        <PlanFacts plan={plan} />
        <Looks plan={plan} status={verification.status} looks={verification.looks} />
        {verification.earlier_plans?.map((earlier) => {
          const before = readPlan(earlier.plan);
          return (
            <section key={earlier.revision} aria-label={`Plan ${earlier.revision}`} className="space-y-3 border-t border-line pt-3 opacity-90">
              <h4 className="text-sm font-medium">Plan {earlier.revision}, given up · registered {asMoment(earlier.registered_at)}</h4>
              <PlanFacts plan={before} />
              <Looks plan={before} status="stopped" looks={earlier.looks} />
            </section>
          );
        })}
      </div>
    </details>
  );
}

function PlanFacts({ plan }: { plan: Plan }) {
  const t = plan.thresholds;
  return (
    <dl className="grid gap-3 text-sm sm:grid-cols-2">
      {plan.described !== undefined && (
        <Fact name="Measured">
          {plan.described}
          {plan.because !== undefined && <span className="block text-xs font-normal text-soft">{plan.because}</span>}
        </Fact>
      )}
      {plan.types.positive.length + plan.types.negative.length > 0 && (
        <Fact name="Counted">
          <span className="block">▲ {plan.types.positive.join(", ")}</span>
          <span className="block">▼ {plan.types.negative.join(", ")}</span>
        </Fact>
      )}
      <Fact name="Before">
        {dayName(plan.historyFrom, plan.timeZone)} to {dayName(plan.historyTo, plan.timeZone)}
      </Fact>
      <Fact name="After">
        from {dayName(plan.windowFrom, plan.timeZone)}, {plan.horizon} days at most
        {plan.timeZone !== undefined && <span className="block text-xs font-normal text-soft">days in {plan.timeZone}</span>}
      </Fact>
      {plan.trigger !== undefined && (
        <Fact name="Must hold without">
          {dayName(plan.trigger.from, plan.timeZone)} to {dayName(plan.trigger.to, plan.timeZone)}
          <span className="block text-xs font-normal text-soft">the days that led to the finding</span>
        </Fact>
      )}
      {plan.promised !== undefined && (
        <Fact name="Predicted">
          {amount(plan.promised.metric, plan.promised.low)} to {amount(plan.promised.metric, plan.promised.high)}
        </Fact>
      )}
      <Fact name="Rules">
        <span className="block text-sm font-normal">
          {asPercent(t.alpha)} false verdicts over all looks; at least {t.minHistoryDays ?? "–"} days before, {t.minWindowDays ?? "–"} after and {t.minWeeklyEvents ?? "–"} signals of either side a week; no effect is within ±
          {asPercent(t.noEffectWithin)}.
        </span>
      </Fact>
      <Fact name="Control contexts">
        <span className="block text-sm font-normal">
          {plan.controls.length === 0 ? "None qualifies." : plan.controls.map((c) => `${c.name} (${c.correlation?.toFixed(2) ?? "–"})`).join(", ")}
        </span>
        {plan.controlRule !== undefined && <span className="block text-xs font-normal text-soft">{plan.controlRule}</span>}
      </Fact>
      <Fact name="Method">{plan.method ?? "–"}</Fact>
      {plan.canaryShare !== undefined && plan.canaryShare < 100 && <Fact name="Traffic that got it">{plan.canaryShare} %</Fact>}
    </dl>
  );
}

function Looks({ plan, status, looks }: { plan: Plan; status: Verification["status"]; looks: Schemas["Look"][] }) {
  const rows = lookRows(plan, { status, looks });
  if (rows.length === 0) return null;
  return (
    <div className="overflow-x-auto">
      <table className="w-full min-w-[34rem] text-left text-sm">
        <caption className="text-left text-sm font-medium">Looks</caption>
        <thead className="text-xs text-soft">
          <tr>
            {["Day", "On", "Decides at p ≤", "p", "Effect", ""].map((name) => (
              <th key={name} scope="col" className="py-1 pr-3 font-medium">
                {name === "" ? <span className="sr-only">State</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ look, taken, state }) => (
            <tr key={look.day} className={`border-t border-line tabular-nums ${taken === undefined ? "text-soft" : ""}`}>
              <td className="py-1 pr-3">{look.day}</td>
              <td className="py-1 pr-3 whitespace-nowrap">{dayName(look.asOf, plan.timeZone)}</td>
              <td className="py-1 pr-3">{look.nominalP ?? "–"}</td>
              <td className="py-1 pr-3">{taken?.result.p_value === undefined ? "" : asP(taken.result.p_value)}</td>
              <td className="py-1 pr-3">{taken === undefined ? "" : rangeText(taken.result)}</td>
              <td className="py-1 pr-3 whitespace-nowrap">{capital(state)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function asP(p: number): string {
  return p < 0.0001 ? "< 0.0001" : p.toFixed(4);
}
