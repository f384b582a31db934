import { type Proposal } from "../api";
import { asCount } from "../format";

const fallbackReasons: Record<string, string> = {
  timeout: "did not answer in time",
  rate_limited: "was asked too often",
  unavailable: "could not be reached",
  invalid_answer: "did not give an answer of the form asked for",
  ungrounded: "wrote what the evidence does not say",
  budget: "has used up today's budget",
  circuit_open: "failed too often just before",
};

/** Who wrote the text and what that took; a text that a model failed to write says why. */
export function Origin({ provenance }: { provenance: Proposal["provenance"] }) {
  const text = (name: string) => (typeof provenance[name] === "string" ? (provenance[name] as string) : "");
  const count = (name: string) => Number(provenance[name] ?? 0);
  const fallback = (provenance["fallback"] ?? null) as Record<string, unknown> | null;
  const parts = [
    `Written by ${text("model") || `the ${text("engine")} engine`} (${[`version ${text("engine_version")}`, text("prompt_version") && `prompt ${text("prompt_version")}`].filter(Boolean).join(", ")})`,
    count("tokens") > 0 && `${asCount(count("tokens"))} tokens`,
    count("cost") > 0 && `$${count("cost").toFixed(4)}`,
    `${(count("duration_ms") / 1000).toFixed(1)} s`,
    count("redactions") > 0 && `${asCount(count("redactions"))} redactions`,
  ];
  return (
    <p className="mt-3 text-xs text-soft">
      {parts.filter(Boolean).join(" · ")}
      {fallback !== null && `. ${String(fallback["model"] ?? fallback["from"])} ${fallbackReasons[String(fallback["reason"])] ?? "did not write"}.`}
    </p>
  );
}
