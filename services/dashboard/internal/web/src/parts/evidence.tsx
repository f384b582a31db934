import type { Proposal } from "../api";
import { continued, readFirstSeen, readFunnel, readSegments, readVolume, type FirstSeen, type Funnel, type Segment, type Volume } from "../evidence";
import { asCount, asMoment, asPercent } from "../format";
import { Fact } from "./ui";

/** What a proposal rests on: the evidence is the analyzer's own document. */
export function Evidence({ evidence }: { evidence: Proposal["evidence"] }) {
  const volume = readVolume(evidence);
  const firstSeen = readFirstSeen(evidence);
  const funnel = readFunnel(evidence);
  const segments = readSegments(evidence);
  return (
    <div className="mt-4 space-y-4">
      {volume && <VolumeFacts volume={volume} />}
      {firstSeen && <FirstSeenFacts seen={firstSeen} />}
      {funnel && <FunnelFacts funnel={funnel} />}
      {segments.length > 0 && <Segments segments={segments} />}
    </div>
  );
}

const whole = (x: number) => (Number.isFinite(x) ? asCount(Math.round(x)) : "–");

function Heading({ children }: { children: string }) {
  return <h3 className="mb-2 text-sm font-medium">{children}</h3>;
}

function VolumeFacts({ volume }: { volume: Volume }) {
  return (
    <section>
      <Heading>Evidence: how much arrives</Heading>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3">
        <Fact name="Signals seen">{whole(volume.seen)}</Fact>
        <Fact name="Expected">
          {whole(volume.expected)}{" "}
          <span className="text-xs font-normal text-soft">
            ({whole(volume.low)} to {whole(volume.high)})
          </span>
        </Fact>
        {volume.lastSignalAt !== undefined && <Fact name="Last signal">{asMoment(volume.lastSignalAt)}</Fact>}
      </dl>
    </section>
  );
}

function FirstSeenFacts({ seen }: { seen: FirstSeen }) {
  return (
    <section>
      <Heading>Evidence: never seen before</Heading>
      <p className="mb-2 font-mono text-sm break-words">{seen.value}</p>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-4">
        <Fact name="Signal">{seen.type}</Fact>
        <Fact name="First seen">{asMoment(seen.firstAt)}</Fact>
        <Fact name="Seen since">{whole(seen.count)}</Fact>
        {seen.sessions !== undefined && (
          <Fact name="Sessions, about">
            {whole(seen.sessions)}
            {seen.shareOfSessions !== undefined && <span className="text-xs font-normal text-soft"> ({asPercent(seen.shareOfSessions)})</span>}
          </Fact>
        )}
      </dl>
    </section>
  );
}

function FunnelFacts({ funnel }: { funnel: Funnel }) {
  return (
    <section>
      <Heading>Evidence: a step that fewer take</Heading>
      <ol className="mb-2 flex flex-wrap items-center gap-1 text-sm" aria-label="Steps of the funnel">
        {funnel.steps.map((step, i) => (
          <li key={step} className={step === funnel.from || step === funnel.to ? "font-medium" : "text-soft"}>
            {i > 0 && <span aria-hidden="true">→ </span>}
            {step}
          </li>
        ))}
      </ol>
      <dl className="grid grid-cols-2 gap-3 sm:grid-cols-3">
        <Fact name={`Go on to ${funnel.to} now`}>
          {asPercent(continued(funnel.window))}{" "}
          <span className="text-xs font-normal text-soft">
            ({whole(funnel.window.continued)} of {whole(funnel.window.entered)})
          </span>
        </Fact>
        <Fact name="Before">
          {asPercent(continued(funnel.baseline))}{" "}
          <span className="text-xs font-normal text-soft">
            ({whole(funnel.baseline.continued)} of {whole(funnel.baseline.entered)})
          </span>
        </Fact>
        <Fact name="Expected">
          {asPercent(funnel.expected)}{" "}
          <span className="text-xs font-normal text-soft">
            ({asPercent(funnel.low)} to {asPercent(funnel.high)})
          </span>
        </Fact>
      </dl>
    </section>
  );
}

function Segments({ segments }: { segments: Segment[] }) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left text-sm">
        <caption className="text-left text-sm font-medium">Evidence: what is over-represented</caption>
        <thead className="text-xs text-soft">
          <tr>
            {["What and where", "Seen", "Expected", "Share of the change"].map((head) => (
              <th key={head} scope="col" className="py-1 pr-3 font-medium">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {segments.map((segment, index) => (
            <tr key={index} className="border-t border-line tabular-nums">
              <td className={`py-1 pr-3 break-words ${segment.explains ? "font-medium" : ""}`}>{segment.where}</td>
              <td className="py-1 pr-3">{whole(segment.seen)}</td>
              <td className="py-1 pr-3">{whole(segment.expected)}</td>
              <td className="py-1 pr-3">{asPercent(segment.share)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
