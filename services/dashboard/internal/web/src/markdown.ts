import type { Proposal } from "./api";
import { metricName, readSegments } from "./evidence";
import { asCount, asPercent, confidenceWord } from "./format";

const whole = (x: number) => (Number.isFinite(x) ? asCount(Math.round(x)) : "–");

/** A proposal as an issue or a prompt wants it; the trailer lets the deployment be found again. */
export function asMarkdown(proposal: Proposal, url: string): string {
  const impact = proposal.predicted_impact;
  const steps = proposal.suggested_change.split("\n").filter((line) => line.trim() !== "");
  const segments = readSegments(proposal.evidence);
  const blocks = [
    `## ${escape(proposal.title)}`,
    `**Context:** ${escape(proposal.context_name)} · **Confidence:** ${confidenceWord(proposal.confidence)} (${asPercent(proposal.confidence)})`,
    `### Diagnosis\n\n${proposal.diagnosis.split("\n").filter((line) => line.trim() !== "").map(escape).join("\n\n")}`,
    `### Suggested change\n\n${steps.map((step) => `- ${escape(step)}`).join("\n")}`,
    `### Predicted impact\n\n${metricName(impact.metric)}: ${asPercent(impact.baseline)} → ${asPercent(impact.predicted)} (80% range ${asPercent(impact.low)} to ${asPercent(impact.high)})`,
  ];
  if (segments.length > 0) {
    const rows = segments.map((s) => `| ${cell(s.what)} | ${whole(s.seen)} | ${whole(s.expected)} | ${asPercent(s.share)} |`);
    blocks.push(`### Evidence\n\n| What and where | Seen | Expected | Share of the change |\n|---|---:|---:|---:|\n${rows.join("\n")}`);
  }
  blocks.push(`[Open in Specter](${url})`, `Specter-Proposal: ${proposal.id}`);
  return `${blocks.join("\n\n")}\n`;
}

// Signals' own text must stay text where Markdown is read: no links, no pictures, no HTML.
function escape(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/gu, "\\$&").replace(/^([#>+-])/u, "\\$1");
}

function cell(text: string): string {
  return escape(text).replace(/\n/gu, " ");
}
