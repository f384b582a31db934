import { type Proposal } from "../api";
import { asCount, asUtc } from "../format";
import { Fact } from "../parts/ui";

const fallbackReasons: Record<string, string> = {
  timeout: "did not answer in time",
  rate_limited: "was asked too often",
  unavailable: "could not be reached",
  invalid_answer: "did not give an answer of the form asked for",
  ungrounded: "wrote what the evidence does not say",
  budget: "has used up today's budget",
  circuit_open: "failed too often just before",
};

/** Who wrote the text, from what, and what that took; a text that a model failed to write says why. */
export function Origin({ proposal }: { proposal: Proposal }) {
  const { provenance } = proposal;
  const text = (name: string) => (typeof provenance[name] === "string" ? (provenance[name] as string) : "");
  const count = (name: string) => Number(provenance[name] ?? 0);
  const fallback = (provenance["fallback"] ?? null) as Record<string, unknown> | null;
  const window = (provenance["window"] ?? {}) as { from?: string; to?: string };
  const took = count("duration_ms");
  return (
    <>
      {fallback !== null && (
        <p className="mb-3 text-sm text-warn">
          ⚠ {String(fallback["model"] ?? fallback["from"])} {fallbackReasons[String(fallback["reason"])] ?? "did not write"}; the built-in engine wrote this instead.
        </p>
      )}
      <dl className="grid grid-cols-2 gap-3 text-sm sm:grid-cols-3">
        <Fact name="Written by">{text("model") || `${text("engine")} engine`}</Fact>
        <Fact name="Version">
          {text("engine_version")}
          {text("prompt_version") !== "" && `, prompt ${text("prompt_version")}`}
        </Fact>
        <Fact name="Written at">{asUtc(proposal.updated_at)}</Fact>
        <Fact name="It took">{took < 1000 ? `${asCount(took)} ms` : `${(took / 1000).toFixed(1)} s`}</Fact>
        <Fact name="Data from">{asUtc(window.from)}</Fact>
        <Fact name="Data to">{asUtc(window.to)}</Fact>
        <Fact name="Tokens, cost">
          {count("tokens") === 0 ? "none" : `${asCount(count("tokens"))}, $${count("cost").toFixed(4)}`}
        </Fact>
        <Fact name="Redactions">{asCount(count("redactions"))}</Fact>
      </dl>
    </>
  );
}
