import type { Schemas } from "../api";
import { asCount, asOddsChange, asPercent, asPoints } from "../format";
import { dayName, groundName, grounds, histogram, rangeText } from "../verification";

type Result = Schemas["LookResult"];

/** Whether the answer hangs on how it was asked: other grounds, other dates, controls, who came. */
export function Robustness({ result }: { result: Result }) {
  const other = grounds(result);
  const bars = histogram(result.placebos ?? [], result.effect);
  const dates = result.placebo_dates ?? [];
  if (other.length === 0 && bars.length === 0 && dates.length === 0) return null;
  return (
    <details className="rounded-lg border border-line">
      <summary className="cursor-pointer px-3 py-2 text-sm font-medium">Would it have said the same otherwise?</summary>
      <div className="space-y-5 border-t border-line p-3">
        {other.length > 0 && <Grounds result={result} other={other} />}
        {bars.length > 0 && <Placebos result={result} bars={bars} />}
        {dates.length > 0 && <PlaceboDates dates={dates} />}
        {result.controls !== undefined && result.controls.length > 0 && <Controls controls={result.controls} />}
        {result.mix !== undefined && <Mix mix={result.mix} />}
      </div>
    </details>
  );
}

const head = "py-1 pr-3 text-left text-xs font-medium text-soft";
const cell = "py-1 pr-3 tabular-nums";

function Grounds({ result, other }: { result: Result; other: Schemas["OtherReading"][] }) {
  return (
    <table className="w-full text-sm">
      <caption className="text-left text-sm font-medium">The same test on other grounds</caption>
      <thead>
        <tr>
          <th scope="col" className={head}>
            Ground
          </th>
          <th scope="col" className={head}>
            Effect and interval
          </th>
        </tr>
      </thead>
      <tbody>
        <tr className="border-t border-line font-medium">
          <td className={cell}>As planned</td>
          <td className={cell}>{rangeText(result)}</td>
        </tr>
        {other.map((one) => (
          <tr key={one.name} className="border-t border-line">
            <td className={cell}>{groundName(one.name)}</td>
            <td className={cell}>
              {asOddsChange(one.effect)} ({asOddsChange(one.effect_low)} to {asOddsChange(one.effect_high)})
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** How large the same forecast's misses were when nothing happened, with the effect over them. */
function Placebos({ result, bars }: { result: Result; bars: { at: number; count: number }[] }) {
  const most = Math.max(...bars.map((bar) => bar.count));
  const reach = (bars.at(-1)?.at ?? 0) + ((bars[1]?.at ?? 0) - (bars[0]?.at ?? 0)) / 2;
  const effect = Math.log1p(result.effect ?? 0);
  const place = 50 + (effect / reach) * 50;
  return (
    <figure>
      <p className="text-sm font-medium">What happens by itself</p>
      <div className="relative mt-2 h-20" role="img" aria-label={`Effects at ${result.placebos?.length ?? 0} earlier dates at which nothing happened, with the effect of this deployment`}>
        <div className="flex h-full items-end gap-px">
          {bars.map((bar) => (
            <span key={bar.at} className="flex-1 bg-soft/40" style={{ height: `${(100 * bar.count) / most}%` }} />
          ))}
        </div>
        {result.effect !== undefined && <span className="absolute top-0 bottom-0 w-0.5 bg-accent" style={{ left: `${Math.min(99.5, Math.max(0, place)).toFixed(1)}%` }} />}
      </div>
      <div aria-hidden="true" className="flex justify-between border-t border-line pt-0.5 text-xs text-soft">
        <span>{asOddsChange(Math.expm1(-reach))}</span>
        <span>no change</span>
        <span>{asOddsChange(Math.expm1(reach))}</span>
      </div>
      <figcaption className="mt-1 text-sm">
        At {asCount(result.placebos?.length ?? 0)} earlier dates the forecast missed by this much or more {result.placebo_share === undefined ? "an unknown share" : asPercent(result.placebo_share)} of the time.
      </figcaption>
    </figure>
  );
}

function PlaceboDates({ dates }: { dates: Schemas["PlaceboDate"][] }) {
  const crossed = dates.filter((date) => date.crossed).length;
  return (
    <div>
      <p className="text-sm font-medium">The whole test at earlier dates</p>
      <p className="text-sm">
        {crossed === 0
          ? `At ${dates.length} dates that do not overlap it would have found nothing, as it should.`
          : `At ${crossed} of ${dates.length} dates that do not overlap it would have crossed its boundary. Something happened then, or this metric wanders more than the test believes.`}
      </p>
      <ul className="mt-1 flex flex-wrap gap-1.5 text-xs">
        {dates.map((date) => (
          <li key={date.date} className={`rounded border px-1.5 py-0.5 tabular-nums ${date.crossed ? "border-warn/60 text-warn" : "border-line text-soft"}`}>
            {date.crossed ? "⚠ " : ""}
            {dayName(date.date)}: {asOddsChange(date.effect)}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Controls({ controls }: { controls: Schemas["ControlUse"][] }) {
  return (
    <div>
      <p className="text-sm font-medium">Control contexts</p>
      <ul className="text-sm">
        {controls.map((control) => (
          <li key={control.name}>
            {control.name}: {control.beta === 0 ? "shared too little with it to be used" : `${control.beta.toFixed(2)} of its moves were taken out`}, changed by {asOddsChange(control.change)} itself
            {control.moved && " ⚠ more than by chance"}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Mix({ mix }: { mix: Schemas["MixChange"] }) {
  return (
    <div>
      <p className="text-sm font-medium">Who came</p>
      <p className="text-sm">
        By {mix.dimension}, {asPercent(mix.moved)} of the signals moved to other segments: {asPoints(mix.composition)} come from that, {asPoints(mix.within)} from what happened inside them. With the mix of before the odds changed by{" "}
        {asOddsChange(mix.reweighted)}.
      </p>
    </div>
  );
}
